/**
 * Takes the steps that the master hands out. Each is idempotent and names what it expects, so that one that comes
 * late or twice changes nothing; what it did is seen in the next report.
 *
 * E1. Steps of a master's term below the highest seen are refused: an old leader of the catalog may not act.
 * E2. A step that cannot be taken now is dropped, with a line in the log: the master sends it again while it is
 *     needed.
 * E3. A step that comes again while it is being taken is the same step.
 */
import { unreachable } from "@stele/shared/assert.ts";
import {
  logIndex,
  replicaId,
  tableId,
  tabletId,
  type SpaceId,
  type TabletId,
} from "@stele/shared/ids.ts";
import type { Log } from "@stele/shared/log.ts";
import type { ReplicaHost } from "@stele/shared/replication/replica-host.ts";
import type { Step } from "@stele/shared/wire/heartbeat.ts";
import { encodeTabletState, newTabletState } from "./tablet/tablet-state.ts";
import type { TabletSet } from "./tablet-set.ts";

type StepOf<Kind extends Step["kind"]> = Extract<Step, { kind: Kind }>;

export interface StepExecutionParts {
  readonly host: ReplicaHost;
  readonly tablets: TabletSet;
  readonly log: Log;
  /** Something changed that the master waits to hear of. */
  readonly changed: () => void;
  readonly failed: (error: unknown) => void;
}

export class StepExecution {
  readonly #parts: StepExecutionParts;
  #highestTerm = 0;
  /** Steps that are being taken, as texts (E3). */
  readonly #underWay = new Set<string>();

  constructor(parts: StepExecutionParts) {
    this.#parts = parts;
  }

  take(masterTerm: number, steps: readonly Step[]): void {
    if (masterTerm < this.#highestTerm) return;
    this.#highestTerm = masterTerm;
    for (const step of steps) {
      const text = JSON.stringify(step);
      if (this.#underWay.has(text)) continue;
      this.#underWay.add(text);
      void this.#run(step)
        .catch(this.#parts.failed)
        .finally(() => this.#underWay.delete(text));
    }
  }

  async #run(step: Step): Promise<void> {
    const refused = await this.#execute(step);
    if (refused !== null) this.#parts.log.info({ step, refused }, "a step was not taken");
    this.#parts.changed();
  }

  /** Null: taken, or nothing was left to do; else why not. */
  async #execute(step: Step): Promise<string | null> {
    const tablet = tabletId(step.tabletId);
    switch (step.kind) {
      case "create-replica":
        return await this.#create(tablet, step);
      case "change-config":
        return this.#changeConfig(tablet, step);
      case "transfer-leader": {
        const outcome = this.#parts.host.group(tablet)?.transferLeadership(replicaId(step.to));
        return outcome === undefined ? "no replica here" : refusalOf(outcome);
      }
      case "drop-tablet": {
        const outcome = await this.#parts.tablets.tablet(tablet)?.drop();
        if (outcome === undefined) return "no replica here";
        return outcome.kind === "applied" ? null : outcome.kind;
      }
      case "destroy-replica":
        await this.#parts.host.destroyReplica(tablet, replicaId(step.replicaId));
        this.#parts.tablets.forget(tablet, replicaId(step.replicaId));
        return null;
      default:
        return unreachable(step);
    }
  }

  async #create(tablet: TabletId, step: StepOf<"create-replica">): Promise<string | null> {
    const { host } = this.#parts;
    const outcome = await host.createReplica(
      tablet,
      replicaId(step.replicaId),
      step.initialConfig === null
        ? { kind: "await-snapshot" }
        : {
            kind: "bootstrap",
            config: step.initialConfig,
            state: (space) => firstState(tablet, step, space),
          },
    );
    if (outcome === "buried" || outcome === "occupied") return outcome;
    const group = host.group(tablet);
    if (step.campaign && group !== null && group.status().leader === null) group.campaign();
    return null;
  }

  #changeConfig(tablet: TabletId, step: StepOf<"change-config">): string | null {
    const group = this.#parts.host.group(tablet);
    if (group === null) return "no replica here";
    const generation = this.#parts.tablets.tablet(tablet)?.state.generation;
    if (generation !== step.generation) return `the tablet is in generation ${generation}`;
    const target = { voters: step.voters, learners: step.learners };
    return refusalOf(group.proposeConfig(target, logIndex(step.configIndex)));
  }
}

function refusalOf(
  outcome: { kind: "proposed" } | { kind: "refused"; reason: string },
): string | null {
  return outcome.kind === "refused" ? outcome.reason : null;
}

function firstState(tablet: TabletId, step: StepOf<"create-replica">, space: SpaceId): Buffer {
  const { generation, range, schema } = step;
  return encodeTabletState(
    newTabletState({
      tabletId: tablet,
      schema: { ...schema, tableId: tableId(schema.tableId) },
      range,
      generation,
      space,
    }),
  );
}
