/**
 * Tablet servers and masters for tests of the routing: they keep rows in memory and answer in the real
 * codecs over `CallChannel`s, after delays on a virtual clock. Tests move leaders, split tablets, stop
 * servers and break connections.
 */
import { must, unreachable } from "@stele/shared/assert.ts";
import type { Clock } from "@stele/shared/clock.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import { tableId, tabletId, version } from "@stele/shared/ids.ts";
import type { ServerId, TabletId } from "@stele/shared/ids.ts";
import type { Random } from "@stele/shared/random.ts";
import { ChannelFailure } from "@stele/shared/rpc/channel-contract.ts";
import type { CallChannel } from "@stele/shared/rpc/channel-contract.ts";
import { compareRowKeys } from "@stele/shared/row-key.ts";
import { containsKey } from "@stele/shared/row-range.ts";
import type { RowWrite, WriteOutcome } from "@stele/shared/row-operations.ts";
import { lookUpRequestSchema } from "@stele/shared/wire/tablet-map.ts";
import type { LookUpReply } from "@stele/shared/wire/tablet-map.ts";
import { decodeRowCall } from "@stele/shared/wire/row-calls.ts";
import type { RowCall, WriteCall } from "@stele/shared/wire/row-calls.ts";
import { encodeRowReply } from "@stele/shared/wire/row-replies.ts";
import type { RowReply } from "@stele/shared/wire/row-replies.ts";
import { z } from "zod";
import { descriptorOf, entryOf, nameOf, scan, schemaOf, server, text } from "./fake-tablet.ts";
import type { FakeTable, FakeTablet } from "./fake-tablet.ts";

/** `down` refuses connections, `frozen` takes calls and never answers. */
export type ServerState = "up" | "down" | "frozen";

/**
 * What happens to the next calls, one each. `lost` is a connection that breaks before the server acts, `hung`
 * one on which nothing comes back.
 */
export type Fate = "lost" | "cut" | "hung" | RowReply | ((call: RowCall) => RowReply | null);

/** As real tablets do, the fake ones keep the results of numbers that are not done, of one sequence here. */
interface KeptResults {
  doneBelow: number;
  readonly seqs: Set<number>;
}

const FULL = { code: "THROTTLED", detail: "it keeps too many results", applied: "no" } as const;

export class FakeTablets {
  readonly states = new Map<ServerId, ServerState>();
  readonly tables = new Map<string, FakeTable>();
  /** Every call that reached a server. */
  readonly received: { readonly server: ServerId; readonly call: RowCall }[] = [];
  /** Look-ups that a master answered. */
  readonly lookUps: { readonly table: string; readonly key: Buffer | null }[] = [];
  /** Writes that took effect, in order. */
  readonly effects: { readonly key: string; readonly write: RowWrite }[] = [];
  readonly fates: Fate[] = [];
  /** Calls that make a server crash. */
  poison: ((call: RowCall) => boolean) | null = null;
  /** So many results a tablet keeps for retries; it refuses more. */
  keptMax = 100_000;
  /** `following`: there is no leader, but followers answer. */
  masters: "leading" | "following" | "away" = "leading";
  /** What followers believe instead of the truth. */
  staleReply: LookUpReply | null = null;
  /** A read is answered with so many rows at most, as if they were large. */
  readRows = Number.POSITIVE_INFINITY;
  /** One way, to or from a tablet server, or null: a master. */
  latencyMs: (host: ServerId | null) => number;
  readonly #clock: Clock;
  readonly #done = new Map<string, WriteOutcome>();
  readonly #kept = new Map<TabletId, Map<bigint, KeptResults>>();
  #nextTable = 1;
  #nextTablet = 1;
  #nextVersion = 1;

  constructor(clock: Clock, random: Random, servers: number) {
    this.#clock = clock;
    this.latencyMs = () => 0.1 + random.below(100) / 100;
    for (let number = 1; number <= servers; number++) this.states.set(server(number), "up");
  }

  createTable(name: string, splitKeys: readonly string[], replicas = 3): FakeTable {
    const id = tableId(this.#nextTable++);
    const table: FakeTable = { name, tableId: id, tablets: [], rows: new Map(), dropped: false };
    const bounds = [null, ...splitKeys.map((key) => Buffer.from(key, "latin1")), null];
    for (let at = 0; at + 1 < bounds.length; at++) {
      const servers = [...this.states.keys()];
      const hosts = Array.from(
        { length: Math.min(replicas, servers.length) },
        (_, offset) => servers[(at + offset) % servers.length] as ServerId,
      );
      table.tablets.push({
        tabletId: tabletId(this.#nextTablet++),
        table,
        range: { start: bounds[at] ?? null, end: bounds[at + 1] ?? null },
        generation: 1,
        configIndex: 1,
        servers: hosts,
        leader: hosts[0] ?? null,
      });
    }
    this.tables.set(name, table);
    return table;
  }

  /** As later splits do: the right part is a new tablet on the same servers. */
  split(tablet: FakeTablet, at: Buffer): FakeTablet {
    const right: FakeTablet = {
      ...tablet,
      tabletId: tabletId(this.#nextTablet++),
      range: { start: at, end: tablet.range.end },
      generation: tablet.generation + 1,
      servers: [...tablet.servers],
    };
    tablet.range = { start: tablet.range.start, end: at };
    tablet.generation++;
    const { tablets } = tablet.table;
    tablets.splice(tablets.indexOf(tablet) + 1, 0, right);
    return right;
  }

  drop(table: FakeTable): void {
    table.dropped = true;
    if (this.tables.get(table.name) === table) this.tables.delete(table.name);
  }

  /** The server is back after a while; others lead its tablets. */
  crash(crashing: ServerId, awayMs: number): void {
    this.states.set(crashing, "down");
    this.#clock.after(awayMs, () => this.states.set(crashing, "up"));
    for (const { tablets } of this.tables.values()) {
      for (const tablet of tablets) {
        if (tablet.leader !== crashing) continue;
        const living = tablet.servers.filter((each) => this.states.get(each) === "up");
        tablet.leader = living[0] ?? null;
      }
    }
  }

  put(table: FakeTable, key: string): void {
    const bytes = Buffer.from(key, "latin1");
    table.rows.set(key, { key: bytes, version: version(this.#nextVersion++), cells: [] });
  }

  tabletOf(table: FakeTable, key: string): FakeTablet {
    const bytes = Buffer.from(key, "latin1");
    return must(
      table.tablets.find(({ range }) => containsKey(range, bytes)),
      "tablets tile the table",
    );
  }

  /** The calling end of a channel to the server at the url. */
  readonly open = (url: string): CallChannel => {
    const to = server(Number(new URL(url).port));
    return {
      load: { calls: 0, bytes: 0 },
      call: (payload, deadlineMs) => this.#call(to, payload, deadlineMs),
      close: () => undefined,
    };
  };

  /** As of `MasterClient`. */
  silence: string | null = null;

  /** The map routes of the masters, behind `MasterClient`. */
  readonly call = async (_route: unknown, request: unknown): Promise<never> => {
    await new Promise<void>((resolve) => void this.#clock.after(this.latencyMs(null), resolve));
    // Over the wire and back, as between two processes.
    const asked = lookUpRequestSchema.parse(
      z.encode(lookUpRequestSchema, request as z.output<typeof lookUpRequestSchema>),
    );
    const isForLeader = asked.leaderOnly && this.masters !== "leading";
    if (this.masters === "away" || isForLeader) {
      throw new DatabaseError({ code: "UNAVAILABLE", detail: "no master answers" });
    }
    this.lookUps.push({ table: asked.table, key: asked.key });
    return this.#lookUp(asked) as never;
  };

  #lookUp({
    table: name,
    key,
    neighbours,
    leaderOnly,
  }: {
    readonly table: string;
    readonly key: Buffer | null;
    readonly neighbours: number;
    readonly leaderOnly: boolean;
  }): LookUpReply {
    if (this.staleReply !== null && !leaderOnly) return this.staleReply;
    const table = this.tables.get(name);
    if (table === undefined) {
      return { kind: "no-table", authoritative: this.masters === "leading" };
    }
    const bytes = key ?? Buffer.alloc(0);
    const at = table.tablets.findIndex(({ range }) => {
      return range.end === null || compareRowKeys(bytes, range.end) < 0;
    });
    const entries = table.tablets.slice(at, at + 1 + neighbours).map(entryOf);
    return { kind: "found", schema: { ...schemaOf(table), families: [] }, entries };
  }

  #call(to: ServerId, payload: Buffer, deadlineMs: number): Promise<Buffer> {
    const clock = this.#clock;
    const fate = this.fates.shift();
    return new Promise((resolve, reject) => {
      const cancelDeadline = clock.after(deadlineMs - clock.monotonicMs(), () => {
        reject(new ChannelFailure("deadline", "maybe", "no answer before the deadline"));
      });
      const fail = (reason: "refused" | "broken", sent: "no" | "maybe"): void => {
        cancelDeadline();
        reject(new ChannelFailure(reason, sent, "as the test wants it"));
      };
      clock.after(this.latencyMs(to), () => {
        const state = this.states.get(to);
        if (fate === "lost") return fail("broken", "maybe");
        if (state === "down" || state === undefined) return fail("refused", "no");
        if (state === "frozen" || fate === "hung") return;
        const call = decodeRowCall(Buffer.from(payload));
        this.received.push({ server: to, call });
        if (this.poison?.(call) === true) {
          this.crash(to, 500);
          return fail("broken", "maybe");
        }
        const scripted = typeof fate === "function" ? fate(call) : null;
        const reply = typeof fate === "object" ? fate : (scripted ?? this.serve(to, call));
        clock.after(this.latencyMs(to), () => {
          if (fate === "cut") return fail("broken", "maybe");
          cancelDeadline();
          resolve(encodeRowReply(reply));
        });
      });
    });
  }

  /** What the server answers. */
  serve(to: ServerId, call: RowCall): RowReply {
    const tablet = this.#tablet(call.tabletId);
    if (tablet === null || !tablet.servers.includes(to)) return { kind: "not-here" };
    if (tablet.table.dropped) return { kind: "table-dropped" };
    if (tablet.leader !== to) {
      const leader = tablet.hint === undefined ? tablet.leader : tablet.hint;
      return { kind: "not-leader", leader, descriptor: descriptorOf(tablet), applied: "no" };
    }
    const keys = call.kind === "write" ? call.writes.map(({ write }) => write.key) : [];
    if (call.kind === "read") keys.push(...call.keys);
    const isElsewhere = keys.some((key) => !containsKey(tablet.range, key));
    if (call.generation !== tablet.generation || isElsewhere) {
      const descriptors = tablet.table.tablets.map(descriptorOf);
      return { kind: "wrong-range", descriptors, applied: "no" };
    }
    const servedBy = {
      server: nameOf(to),
      role: "leader",
      tablet: tablet.tabletId,
      generation: tablet.generation,
      staleness: 0,
      session: version(this.#nextVersion),
    } as const;
    const { rows } = tablet.table;
    switch (call.kind) {
      case "read":
        return {
          kind: "read",
          servedBy,
          rows: call.keys.slice(0, this.readRows).map((key) => rows.get(text(key)) ?? null),
        };
      case "write":
        if (this.#keptAfter(call) > this.keptMax) return { kind: "failed", error: FULL };
        return { kind: "written", servedBy, outcomes: this.#write(tablet.table, call) };
      case "scan":
        return { kind: "scanned", servedBy, chunk: scan(tablet, call.scan) };
      default:
        return unreachable(call);
    }
  }

  /** Results that the tablet keeps for retries. */
  keptOf({ tabletId: id }: FakeTablet): number {
    let kept = 0;
    for (const { seqs } of this.#kept.get(id)?.values() ?? []) kept += seqs.size;
    return kept;
  }

  /** Once it has forgotten what the call says, and what it keeps for the call's own numbers is added. */
  #keptAfter(call: WriteCall): number {
    let sequences = this.#kept.get(call.tabletId);
    if (sequences === undefined) this.#kept.set(call.tabletId, (sequences = new Map()));
    for (const { sequenceId, doneBelow } of [call, ...call.retired]) {
      const kept = sequences.get(sequenceId) ?? { doneBelow: 1, seqs: new Set<number>() };
      sequences.set(sequenceId, kept);
      for (; kept.doneBelow < doneBelow; kept.doneBelow++) kept.seqs.delete(kept.doneBelow);
    }
    for (const { seq } of call.writes) sequences.get(call.sequenceId)?.seqs.add(seq);
    return [...sequences.values()].reduce((kept, { seqs }) => kept + seqs.size, 0);
  }

  #write(table: FakeTable, { sequenceId, writes }: WriteCall): WriteOutcome[] {
    return writes.map(({ seq, write }) => {
      const id = `${sequenceId}/${seq}`;
      const known = this.#done.get(id);
      if (known !== undefined) return known;
      const outcome = this.#evaluate(table, write);
      if (outcome.kind === "done") {
        this.#done.set(id, outcome);
        this.effects.push({ key: text(write.key), write });
      }
      return outcome;
    });
  }

  #evaluate(table: FakeTable, write: RowWrite): WriteOutcome {
    const key = text(write.key);
    const before = table.rows.get(key);
    if (write.conditions.absent && before !== undefined) {
      const error = { code: "ROW_EXISTS", detail: "it exists", applied: "no" } as const;
      return { kind: "failed", error };
    }
    this.put(table, key);
    const result = {
      version: must(table.rows.get(key), "a row").version,
      createdRow: before === undefined,
      createdColumn: false,
      matched: true,
      computed: [],
      replayed: false,
    };
    return { kind: "done", result };
  }

  #tablet(id: TabletId): FakeTablet | null {
    for (const { tablets } of this.#allTables()) {
      const found = tablets.find((tablet) => tablet.tabletId === id);
      if (found !== undefined) return found;
    }
    return null;
  }

  readonly #known = new Set<FakeTable>();
  #allTables(): Iterable<FakeTable> {
    for (const table of this.tables.values()) this.#known.add(table);
    return this.#known;
  }
}
