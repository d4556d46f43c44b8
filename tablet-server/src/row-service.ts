/**
 * Answers row calls: decodes what one request of a batch channel brought, and brings each call to its tablet.
 *
 * Y1. Every call is answered once: by its result, by a redirection, or by an error; a call whose deadline passed is
 *     answered without being served.
 * Y2. All reads of a turn that need no quorum round share one read of the store.
 * Y3. What a malformed call asks for is not guessed: it is INVALID_REQUEST.
 */
import { MalformedFrameError } from "@stele/shared/bytes/malformed-frame-error.ts";
import { StoreReadError } from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import type { Clock } from "@stele/shared/clock.ts";
import { DatabaseError, type DatabaseErrorBody } from "@stele/shared/errors.ts";
import type { CallHandler, IncomingCall } from "@stele/shared/rpc/channel-contract.ts";
import {
  decodeRowCall,
  type ReadCall,
  type RowCall,
  type ScanCall,
  type WriteCall,
} from "@stele/shared/wire/row-calls.ts";
import { encodeRowReply, type RowReply } from "@stele/shared/wire/row-replies.ts";
import type { CheckpointStore } from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import { CorruptRecordError } from "./storage/corrupt-record-error.ts";
import { prepareProjection, type RowProjection } from "./tablet/row-projection.ts";
import { readRows, scanRows } from "./tablet/tablet-reads.ts";
import type { Tablet } from "./tablet/tablet.ts";
import { WriteCallProgress } from "./tablet/write-call.ts";
import type { TabletSet } from "./tablet-set.ts";

export interface RowServiceParts {
  readonly tablets: TabletSet;
  readonly store: CheckpointStore;
  readonly clock: Clock;
  readonly failed: (error: unknown) => void;
}

export class RowService implements CallHandler {
  readonly #parts: RowServiceParts;

  constructor(parts: RowServiceParts) {
    this.#parts = parts;
  }

  handle(calls: readonly IncomingCall[]): void {
    for (const incoming of calls) this.#serve(incoming);
  }

  #serve(incoming: IncomingCall): void {
    const call = this.#decode(incoming);
    if (call === null) return;
    const tablet = this.#parts.tablets.tablet(call.tabletId);
    if (tablet === null) {
      answer(incoming, { kind: "not-here" });
      return;
    }
    if (this.#parts.clock.monotonicMs() >= incoming.deadlineMs) {
      answerError(incoming, deadlinePassed(call));
      return;
    }
    const refusal = tablet.refuses(call.generation, keysOf(call));
    if (refusal !== null) answer(incoming, refusal);
    else if (call.kind === "write") this.#write(tablet, call, incoming);
    else this.#read(tablet, call, incoming);
  }

  #decode(incoming: IncomingCall): RowCall | null {
    try {
      return decodeRowCall(incoming.payload);
    } catch (error) {
      if (!(error instanceof MalformedFrameError)) throw error;
      answerError(incoming, { code: "INVALID_REQUEST", detail: error.message, applied: "no" });
      return null;
    }
  }

  #write(tablet: Tablet, call: WriteCall, incoming: IncomingCall): void {
    tablet.whenWritable(() => {
      const { writes } = tablet;
      if (writes === null) {
        answer(incoming, tablet.notLeader());
        return;
      }
      const overload = writes.overload();
      if (overload !== null) {
        answerError(incoming, overload);
        return;
      }
      const progress = new WriteCallProgress(call, incoming.deadlineMs, {
        written: (outcomes) =>
          answer(incoming, { kind: "written", servedBy: tablet.servedBy(), outcomes }),
        redirected: (redirect) => answer(incoming, redirect),
      });
      writes.submit(progress, incoming.payload.length);
    });
  }

  #read(tablet: Tablet, call: ReadCall | ScanCall, incoming: IncomingCall): void {
    const asked = call.kind === "read" ? call.projection : call.scan.projection;
    const prepared = prepareProjection(asked, tablet.state.schema);
    if (prepared.kind === "refused") {
      answerError(incoming, prepared.error);
      return;
    }
    void this.#readNow(tablet, call, prepared.projection, incoming).catch(this.#parts.failed);
  }

  async #readNow(
    tablet: Tablet,
    call: ReadCall | ScanCall,
    projection: RowProjection,
    incoming: IncomingCall,
  ): Promise<void> {
    const term = tablet.servingTerm;
    if (!tablet.group.holdsLease() && (await tablet.group.readBarrier()) === "not-leader") {
      answer(incoming, tablet.notLeader());
      return;
    }
    const { store } = this.#parts;
    const servedBy = () => tablet.servedBy();
    let parts: Buffer[];
    try {
      parts =
        call.kind === "read"
          ? await readRows(store, tablet.state, call, projection, servedBy)
          : await scanRows(store, tablet.state, call.scan, projection, servedBy);
    } catch (error) {
      if (error instanceof CorruptRecordError || error instanceof StoreReadError) {
        // Another replica has the row undamaged: this one steps aside and is rebuilt.
        tablet.damaged(error);
        answer(incoming, tablet.notLeader());
        return;
      }
      if (!(error instanceof DatabaseError)) throw error;
      answerError(incoming, error.body);
      return;
    }
    // The leadership may have ended while the rows were read, and their spaces with it.
    if (tablet.servingTerm !== term || term === null) answer(incoming, tablet.notLeader());
    else incoming.reply(...parts);
  }
}

function keysOf(call: RowCall): readonly Buffer[] {
  switch (call.kind) {
    case "write":
      return call.writes.map(({ write }) => write.key);
    case "read":
      return call.keys;
    case "scan":
      return [];
  }
}

function answer(incoming: IncomingCall, reply: RowReply): void {
  incoming.reply(encodeRowReply(reply));
}

function answerError(incoming: IncomingCall, error: DatabaseErrorBody): void {
  answer(incoming, { kind: "failed", error });
}

function deadlinePassed(call: RowCall): DatabaseErrorBody {
  const detail = "The deadline passed before the tablet server could begin.";
  return call.kind === "write"
    ? { code: "DEADLINE", detail, applied: "no" }
    : { code: "DEADLINE", detail };
}
