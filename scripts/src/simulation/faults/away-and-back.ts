/** A leader gives the leadership up and takes it again, while what was sent to it before is under way. */
import type { TabletId } from "@stele/shared/ids.ts";
import type { SimulatedProcess } from "../cluster/simulated-process.ts";
import type { Effect } from "./injection-context.ts";
import { leaderOf } from "./replicas.ts";
import type { ScenarioStage } from "./scenario-stage.ts";

/** So long before what is late arrives the first leader takes the leadership back. */
const BACK_BEFORE_MS = 250;

/** What is sent `from` processes of this role within `lateForMs` is late `byMs`. */
export function awayAndBack(
  stage: ScenarioStage,
  tablet: TabletId,
  from: SimulatedProcess["role"],
  { byMs, lateForMs }: { readonly byMs: number; readonly lateForMs: number },
  nth: number,
): Effect {
  const leader = leaderOf(stage.all("tablet-server"), tablet);
  if (leader === null) return null;
  const { process, replica } = leader;
  const other = stage.otherVoter(process, tablet, nth);
  if (other === null) return null;
  const { timers } = stage.context;
  const late = stage.network.late(stage.names(from), [process.name], byMs);
  timers.after(lateForMs, () => {
    late?.undo?.();
    stage.transfer(tablet, other.replicaId);
  });
  const backMs = Math.max(lateForMs, byMs - BACK_BEFORE_MS);
  timers.after(backMs, () => stage.transfer(tablet, replica.replicaId));
  return late;
}
