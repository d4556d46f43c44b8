/**
 * What the core has to tell its host, gathered between two Readies.
 */
import type { ReplicaId } from "../ids.ts";
import type { OutgoingMessage } from "./messages.ts";
import type { ReadState } from "./ready.ts";

export class Outbox {
  sendNow: OutgoingMessage[] = [];
  sendAfterPersist: OutgoingMessage[] = [];
  readStates: ReadState[] = [];
  failedReads: number[] = [];
  roundSent: number | null = null;
  roundAcked: number | null = null;
  snapshotsWanted: ReplicaId[] = [];

  isEmpty(): boolean {
    return (
      this.sendNow.length === 0 &&
      this.sendAfterPersist.length === 0 &&
      this.readStates.length === 0 &&
      this.failedReads.length === 0 &&
      this.roundSent === null &&
      this.roundAcked === null &&
      this.snapshotsWanted.length === 0
    );
  }
}
