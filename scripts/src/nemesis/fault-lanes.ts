/**
 * When faults strike: lanes run beside each other, each with one fault after another, so that a process may be killed
 * while the network is cut.
 *
 * L1. No two faults under way share a victim.
 * L2. A fault that damages data is alone from when the cluster was whole until it is whole again: at most one server
 *     is damaged at any time.
 * L3. Every fault that was inflicted is healed, also when the run ends or fails.
 */
import type { Draws } from "@stele/shared/testing/draws.ts";
import type { FaultLog } from "./fault-log.ts";
import type { Fault, Nemesis, Roster, Scene } from "./faults/fault.ts";

const GAP_MAX_MS = 3_000;
const BUSY_PAUSE_MS = 50;
/** Damage takes long to heal, while nothing else strikes. */
const HARMLESS_SHARE = 4;

export interface FaultLanesParts {
  readonly roster: Roster;
  readonly scene: Scene;
  readonly log: FaultLog;
  /** L2; throws when the cluster does not become whole in time. */
  readonly untilWhole: () => Promise<void>;
  /** Aborted: no new faults; those under way are healed. */
  readonly over: AbortSignal;
}

export class FaultLanes {
  readonly #parts: FaultLanesParts;
  readonly #struck = new Set<string>();
  #underWay = 0;
  /** L2. */
  #isDamaged = false;
  #damageWaits = 0;
  #number = 0;

  constructor(parts: FaultLanesParts) {
    this.#parts = parts;
  }

  /** Resolves when it is over and everything of this lane is healed. */
  async run(nemeses: readonly Nemesis[], draws: Draws): Promise<void> {
    const { over, roster, scene } = this.#parts;
    while (!over.aborted) {
      const nemesis = drawNemesis(draws, nemeses);
      const fault = nemesis.draw(draws, roster);
      const gapMs = draws.between(0, GAP_MAX_MS);
      const isClaimed = await this.#claim(nemesis, fault);
      if (!isClaimed) return;
      try {
        if (nemesis.damages) await this.#damage(fault);
        else await this.#strike(fault);
      } finally {
        this.#release(nemesis, fault);
      }
      await scene.sleep(gapMs);
    }
  }

  /** L1, L2. False: it is over. */
  async #claim({ damages }: Nemesis, { victims }: Fault): Promise<boolean> {
    const { over, scene } = this.#parts;
    const mustWait = (): boolean => {
      if (this.#isDamaged) return true;
      if (damages) return this.#underWay > 0;
      // Damage would never find all lanes at rest by chance.
      return this.#damageWaits > 0 || victims.some((id) => this.#struck.has(id));
    };
    if (damages) this.#damageWaits += 1;
    while (mustWait() && !over.aborted) await scene.sleep(BUSY_PAUSE_MS);
    if (damages) this.#damageWaits -= 1;
    if (over.aborted) return false;
    this.#isDamaged = damages;
    this.#underWay += 1;
    for (const id of victims) this.#struck.add(id);
    return true;
  }

  #release({ damages }: Nemesis, { victims }: Fault): void {
    for (const id of victims) this.#struck.delete(id);
    this.#underWay -= 1;
    if (damages) this.#isDamaged = false;
  }

  /** L2. */
  async #damage(fault: Fault): Promise<void> {
    await this.#parts.untilWhole();
    await this.#strike(fault);
    await this.#parts.untilWhole();
  }

  async #strike(fault: Fault): Promise<void> {
    const { log, over, scene } = this.#parts;
    const { kind, text, holdMs } = fault;
    const number = ++this.#number;
    try {
      log.fault(number, kind, "inflict", text);
      await fault.inflict(scene);
      log.fault(number, kind, "inflicted", text);
      for (let heldMs = 0; heldMs < holdMs && !over.aborted; heldMs += BUSY_PAUSE_MS) {
        await scene.sleep(Math.min(BUSY_PAUSE_MS, holdMs - heldMs));
      }
    } finally {
      log.fault(number, kind, "heal", text);
      await fault.heal(scene);
      log.fault(number, kind, "healed", text);
    }
  }
}

function drawNemesis(draws: Draws, nemeses: readonly Nemesis[]): Nemesis {
  const shares = nemeses.flatMap((nemesis) =>
    Array.from({ length: nemesis.damages ? 1 : HARMLESS_SHARE }, () => nemesis),
  );
  return draws.of(shares);
}
