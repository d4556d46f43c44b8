/** The routing layer over fake tablets on a virtual clock. */
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { Metrics } from "@stele/shared/metrics.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import type { RowWrite } from "@stele/shared/row-operations.ts";
import { NO_CONDITIONS } from "@stele/shared/row-operations.ts";
import { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import type { CallLimits, RowOperations } from "../../operations.ts";
import type { MasterClient } from "../master-client.ts";
import { RetryNumbers } from "../retry-numbers.ts";
import { routedRows } from "../row-operations.ts";
import { ROUTING_LIMITS } from "../routing-limits.ts";
import type { RoutingLimits } from "../routing-limits.ts";
import { routingMetrics } from "../routing-metrics.ts";
import { ServerDirectory } from "../server-directory.ts";
import { TabletCalls } from "../tablet-calls.ts";
import { TabletChannels } from "../tablet-channels.ts";
import { TabletLocator } from "../tablet-locator.ts";
import { TabletMapCache } from "../tablet-map-cache.ts";
import { FakeTablets } from "./fake-tablets.ts";

const NEVER = new AbortController().signal;
const LONG_MS = 600_000;

export const EVERYTHING = { columns: null, versions: null, timestamp: null, keysOnly: false };

export class RoutingHarness {
  readonly clock: SimulatedClock;
  readonly tablets: FakeTablets;
  readonly cache: TabletMapCache;
  readonly locator: TabletLocator;
  readonly numbers: RetryNumbers;
  readonly rows: RowOperations;

  constructor(
    options: {
      readonly seed?: number;
      readonly servers?: number;
      readonly limits?: Partial<RoutingLimits>;
      /** Another front-end of the same cluster. */
      readonly beside?: RoutingHarness;
    } = {},
  ) {
    const random = new SeededRandom(options.seed ?? 1);
    const clock = options.beside?.clock ?? new SimulatedClock(random, nextMacrotask);
    const limits = { ...ROUTING_LIMITS, ...options.limits };
    const tablets = options.beside?.tablets ?? new FakeTablets(clock, random, options.servers ?? 3);
    const cache = new TabletMapCache(limits);
    const servers = new ServerDirectory();
    const masters = tablets as unknown as Pick<MasterClient, "call" | "silence">;
    const locator = new TabletLocator({
      clock,
      cache,
      servers,
      masters,
      ...limits,
      lookUpMs: 5_000,
    });
    const { open } = tablets;
    const channels = new TabletChannels({ clock, servers, open, idleMs: limits.channelIdleMs });
    const metrics = routingMetrics(new Metrics());
    const parts = { clock, random, calls: channels, cache, servers, locator, limits, metrics };
    this.clock = clock;
    this.tablets = tablets;
    this.cache = cache;
    this.locator = locator;
    this.numbers = new RetryNumbers(random, limits);
    const calls = new TabletCalls(parts);
    this.rows = routedRows({ clock, locator, calls, limits, numbers: this.numbers });
  }

  limits(withinMs = 10_000): CallLimits {
    return { deadlineMs: this.clock.monotonicMs() + withinMs, signal: NEVER };
  }

  /** Lets time pass until the promise settles. */
  async settled<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const outcome = promise.finally(() => (done = true));
    outcome.catch(() => undefined);
    if (!(await this.clock.runUntil(() => done, LONG_MS))) throw new Error("it never settles");
    return outcome;
  }

  read(table: string, key: string, withinMs?: number) {
    const bytes = Buffer.from(key, "latin1");
    return this.settled(this.rows.read(table, bytes, EVERYTHING, this.limits(withinMs)));
  }

  write(table: string, key: string, withinMs?: number) {
    return this.settled(this.rows.write(table, writeOf(key), this.limits(withinMs)));
  }
}

export function writeOf(key: string, absent = false): RowWrite {
  return {
    key: Buffer.from(key, "latin1"),
    conditions: absent ? { ...NO_CONDITIONS, absent } : NO_CONDITIONS,
    predicate: null,
    mutations: [
      {
        kind: "set",
        column: { family: "d", qualifier: Buffer.from("x") },
        value: Buffer.from(key, "latin1"),
        int64: false,
        timestamp: null,
      },
    ],
    otherwise: [],
    idempotency: null,
  };
}
