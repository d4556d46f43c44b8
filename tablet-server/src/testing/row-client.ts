/**
 * A front-end as the simulation needs it: brings calls to whichever server leads, again and again under the same
 * retry numbers, until an answer comes or it gives up.
 */
import type { SeededRandom } from "@stele/shared/random.ts";
import type { RowWrite, ScanRequest, WriteOutcome } from "@stele/shared/row-operations.ts";
import { delay } from "@stele/shared/clock.ts";
import { decodeRowReply, type RowReply } from "@stele/shared/wire/row-replies.ts";
import { encodeRowCall, type RowCall } from "@stele/shared/wire/row-calls.ts";
import type { Projection } from "@stele/shared/row-operations.ts";
import { GENERATION, TABLET, type TabletCluster } from "./tablet-cluster.ts";

const ATTEMPT_MS = 400;
const PAUSE_MS = 20;
const TARGET = { tabletId: TABLET, generation: GENERATION };

export const ALL_CELLS: Projection = {
  columns: null,
  versions: null,
  timestamp: null,
  keysOnly: false,
};

type Served<Kind extends RowReply["kind"]> = Extract<RowReply, { kind: Kind }>;

export class RowClient {
  readonly #cluster: TabletCluster;
  readonly #random: SeededRandom;
  readonly #sequenceId: bigint;
  readonly #open = new Set<number>();
  #nextSeq = 0;
  #leader = 0;
  attempts = 0;

  constructor(cluster: TabletCluster, random: SeededRandom, sequenceId: bigint) {
    this.#cluster = cluster;
    this.#random = random;
    this.#sequenceId = sequenceId;
  }

  /** Null: given up after `patienceMs`, each of the writes may or may not take effect. */
  async write(
    writes: readonly RowWrite[],
    patienceMs: number,
  ): Promise<readonly WriteOutcome[] | null> {
    const numbered = writes.map((write) => ({ seq: this.#nextSeq++, write }));
    for (const { seq } of numbered) this.#open.add(seq);
    const reply = await this.#call("written", patienceMs, (attempt) => ({
      kind: "write",
      ...TARGET,
      sequenceId: this.#sequenceId,
      doneBelow: Math.min(this.#nextSeq, ...this.#open),
      retired: [],
      hasStrays: attempt > 1,
      writes: numbered,
    }));
    for (const { seq } of numbered) this.#open.delete(seq);
    return reply?.outcomes ?? null;
  }

  read(keys: readonly Buffer[], patienceMs: number): Promise<Served<"read"> | null> {
    const call = { kind: "read", ...TARGET, keys, projection: ALL_CELLS } as const;
    return this.#call("read", patienceMs, () => call);
  }

  scan(scan: ScanRequest, patienceMs: number): Promise<Served<"scanned"> | null> {
    return this.#call("scanned", patienceMs, () => ({ kind: "scan", ...TARGET, scan }));
  }

  async #call<Kind extends "written" | "read" | "scanned">(
    wanted: Kind,
    patienceMs: number,
    call: (attempt: number) => RowCall,
  ): Promise<Served<Kind> | null> {
    const { clock, violations } = this.#cluster;
    const endsMs = clock.monotonicMs() + patienceMs;
    for (let attempt = 1; clock.monotonicMs() < endsMs; attempt++) {
      this.attempts++;
      // Now and then where an old map would send it.
      const isLost = this.#random.below(wanted === "written" ? 6 : 2) === 0;
      const at = isLost ? this.#random.below(this.#cluster.servers.length) : this.#leader;
      const answer = await this.#cluster.call(at, encodeRowCall(call(attempt)), ATTEMPT_MS);
      if (typeof answer === "string") {
        this.#tryAnother(at);
        await delay(clock, PAUSE_MS);
        continue;
      }
      const reply = decodeRowReply(answer);
      if (reply.kind === wanted) return reply as Served<Kind>;
      if (reply.kind === "not-leader" && reply.leader !== null) {
        this.#leader = this.#cluster.placeOf(reply.leader);
      } else if (reply.kind === "not-leader" || reply.kind === "not-here") this.#tryAnother(at);
      else if (!isPassing(reply)) violations.push(`answered ${JSON.stringify(reply)}`);
      await delay(clock, PAUSE_MS);
    }
    return null;
  }

  #tryAnother(at: number): void {
    const { length } = this.#cluster.servers;
    if (this.#leader === at) this.#leader = (at + 1 + this.#random.below(length - 1)) % length;
  }
}

/** The same call may be served a moment later. */
function isPassing(reply: RowReply): boolean {
  return (
    reply.kind === "failed" && (reply.error.code === "THROTTLED" || reply.error.code === "DEADLINE")
  );
}
