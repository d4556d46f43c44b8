/**
 * Turns the state into Readies, one at a time, and remembers what was handed out (`ready.ts`, R1 to
 * R4).
 *
 * Y1. A changed term or vote is always in the next `persist`; a changed commit index only travels
 *     with something else, since it alone is not worth a sync.
 * Y2. While a write is under way nothing is handed out.
 */
import { assert } from "../assert.ts";
import { Outbox } from "./outbox.ts";
import type { RaftState } from "./raft-state.ts";
import type { HardState, Persist, Ready } from "./ready.ts";
import { gatherSends, hasSends } from "./replication.ts";

type RoleChange = NonNullable<Ready["roleChange"]>;

export class ReadyGate {
  readonly #state: RaftState;
  /** The write under way. */
  #writing: Persist | null = null;
  /** As the last Ready left them. */
  #toldHardState: HardState;
  #toldRole: RoleChange;

  constructor(state: RaftState, hardState: HardState) {
    this.#state = state;
    this.#toldHardState = hardState;
    this.#toldRole = this.#roleNow();
  }

  isOpen(): boolean {
    const { log, role, outbox } = this.#state;
    if (this.#writing !== null) return false;
    return (
      !outbox.isEmpty() ||
      this.#mustPersist() ||
      log.hasCommitted() ||
      this.#roleChanged() ||
      (role.kind === "leader" && hasSends(this.#state, role.leadership))
    );
  }

  take(): Ready {
    assert(this.#writing === null, "R3: the last Ready is not persisted");
    const state = this.#state;
    if (state.role.kind === "leader") gatherSends(state, state.role.leadership);
    const { outbox } = state;
    state.outbox = new Outbox();
    this.#writing = this.#takePersist();
    return {
      persist: this.#writing,
      sendNow: outbox.sendNow,
      sendAfterPersist: outbox.sendAfterPersist,
      committed: state.log.takeCommitted(),
      readStates: outbox.readStates,
      failedReads: outbox.failedReads,
      roundSent: outbox.roundSent,
      roundAcked: outbox.roundAcked,
      snapshotsWanted: outbox.snapshotsWanted,
      roleChange: this.#takeRoleChange(),
    };
  }

  /** The write of the last Ready is durable. */
  settle(): void {
    assert(this.#writing !== null, "nothing is being persisted");
    const state = this.#state;
    state.durable = this.#toldHardState;
    state.log.settleWrite();
    // Unless a later one replaced it meanwhile.
    if (state.pendingSnapshot === this.#writing.snapshot) state.pendingSnapshot = null;
    this.#writing = null;
  }

  #mustPersist(): boolean {
    const { log, term, vote, pendingSnapshot } = this.#state;
    const { term: toldTerm, vote: toldVote } = this.#toldHardState;
    return log.hasUnstable() || pendingSnapshot !== null || term !== toldTerm || vote !== toldVote;
  }

  #takePersist(): Persist | null {
    if (!this.#mustPersist()) return null;
    const { log, term, vote, pendingSnapshot: snapshot } = this.#state;
    const told = this.#toldHardState;
    const changed = term !== told.term || vote !== told.vote || log.commit !== told.commit;
    this.#toldHardState = { term, vote, commit: log.commit };
    return {
      hardState: changed ? this.#toldHardState : null,
      entries: log.beginWrite(),
      snapshot,
    };
  }

  #takeRoleChange(): RoleChange | null {
    if (!this.#roleChanged()) return null;
    this.#toldRole = this.#roleNow();
    return this.#toldRole;
  }

  #roleChanged(): boolean {
    const { role, term, leader } = this.#state;
    const told = this.#toldRole;
    return role.kind !== told.role || term !== told.term || leader !== told.leader;
  }

  #roleNow(): RoleChange {
    const { role, term, leader } = this.#state;
    return { role: role.kind, term, leader };
  }
}
