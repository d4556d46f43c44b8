/**
 * Whether a cluster is whole: green, every tablet with all its voters on live servers, all replicas equal.
 *
 * H1. Replicas that differ are a violation at once: no waiting makes that right.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Server, Tablet, Verification } from "../end-to-end/cluster-views.ts";
import { Rest } from "../end-to-end/rest.ts";
import type { Reply } from "../end-to-end/rest.ts";
import { RunViolation } from "./run-violation.ts";

const POLL_MS = 200;
const VOTERS = 3;

interface Status {
  readonly status: string;
  readonly reasons: readonly { readonly code: string; readonly detail: string }[];
}

export class ClusterHealth implements AsyncDisposable {
  readonly #rests: readonly Rest[];

  /** @param urls of the front-ends */
  constructor(urls: readonly string[]) {
    this.#rests = urls.map((url) => new Rest(url));
  }

  /** Throws a `RunViolation` when it is not in time. */
  async untilWhole(withinMs: number): Promise<void> {
    await this.#until("the cluster is whole", withinMs, () => this.#whatIsMissing());
  }

  /** The same, and every tablet's replicas were read and are equal. Returns the number of tablets compared. */
  async untilVerified(withinMs: number): Promise<number> {
    const endMs = performance.now() + withinMs;
    await this.untilWhole(withinMs);
    let compared = 0;
    const seen = new Set<string>();
    // A tablet whose table is dropped meanwhile is no trouble, and new ones are looked at, too.
    for (;;) {
      const next = (await this.#tabletsInTime(endMs)).find(({ id }) => !seen.has(id));
      if (next === undefined) break;
      seen.add(next.id);
      const what = `tablet ${next.id} has ${VOTERS} replicas to compare`;
      await this.#until(what, endMs - performance.now(), () => this.#difference(next.id));
      compared += 1;
    }
    await this.untilWhole(endMs - performance.now());
    return compared;
  }

  async leadingMaster(): Promise<string | null> {
    for (const rest of this.#rests) {
      const masters = await view<{ masters: { id: string; role: string }[] }>(
        rest.get("/masters?timeout=1s", { guardMs: 1_500 }),
      );
      const leader = masters?.masters.find(({ role }) => role === "leader");
      if (leader !== undefined) return leader.id;
    }
    return null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#rests.map((rest) => rest[Symbol.asyncDispose]()));
  }

  async #tabletsInTime(endMs: number): Promise<Tablet[]> {
    let tablets: Tablet[] | null = null;
    await this.#until("the tablets are listed", endMs - performance.now(), async () => {
      tablets = await this.#tablets();
      return tablets === null ? "no answer" : null;
    });
    return tablets ?? [];
  }

  /** Null: nothing. */
  async #whatIsMissing(): Promise<string | null> {
    for (const rest of this.#rests) {
      const ready = await view(rest.get("//readyz", { guardMs: 2_000 }));
      if (ready === null) return `the front-end at ${rest.url} is not ready`;
    }
    const status = await view<Status>(this.#rest.get("/status?timeout=2s", { guardMs: 3_000 }));
    if (status === null) return "no status";
    if (status.status !== "green") {
      return status.reasons.map(({ code, detail }) => `${code}: ${detail}`).join("; ");
    }
    const servers = await view<{ servers: Server[] }>(this.#rest.get("/servers?timeout=2s"));
    const tablets = await this.#tablets();
    if (servers === null || tablets === null) return "no list of servers or tablets";
    const live = new Set(
      servers.servers.flatMap(({ id, state }) => (state === "live" ? [id] : [])),
    );
    const weak = tablets.find((tablet) => !isWhole(tablet, live));
    return weak === undefined ? null : `tablet ${weak.id}: ${JSON.stringify(weak)}`;
  }

  /** Null: all voters are there and equal, or there is no such tablet any more. Throws what H1 says. */
  async #difference(tablet: string): Promise<string | null> {
    const reply = await this.#rest.post(`/tablets/${tablet}:verify?timeout=10s`);
    if (reply.status === 404) return null;
    if (reply.status !== 200) return reply.text;
    const verification = reply.json<Verification>();
    const { equal, replicas } = verification;
    const hashes = new Set(replicas.map(({ rows, hash }) => `${rows} ${hash}`));
    if (!equal || hashes.size > 1) {
      const detail = `the replicas of tablet ${tablet} differ: ${JSON.stringify(verification)}`;
      throw new RunViolation({ checker: "equal state at equal index", detail });
    }
    return replicas.length === VOTERS ? null : `${replicas.length} replicas of tablet ${tablet}`;
  }

  async #tablets(): Promise<Tablet[] | null> {
    const tablets: Tablet[] = [];
    let token: string | undefined;
    do {
      const after: string = token === undefined ? "" : `&pageToken=${encodeURIComponent(token)}`;
      const page: { tablets: Tablet[]; nextPageToken?: string } | null = await view(
        this.#rest.get(`/tablets?timeout=2s&limit=1000${after}`),
      );
      if (page === null) return null;
      tablets.push(...page.tablets);
      token = page.nextPageToken;
    } while (token !== undefined);
    return tablets;
  }

  /** @param missing what is missing; null: nothing */
  async #until(what: string, withinMs: number, missing: () => Promise<string | null>) {
    const endMs = performance.now() + withinMs;
    for (;;) {
      const reason = await missing().catch((error: unknown) => {
        if (error instanceof RunViolation) throw error;
        return String(error);
      });
      if (reason === null) return;
      if (performance.now() >= endMs) {
        const detail = `not in time: ${what}; missing: ${reason}`;
        throw new RunViolation({ checker: "recovery", detail });
      }
      await sleep(POLL_MS);
    }
  }

  get #rest(): Rest {
    return this.#rests[0] as Rest;
  }
}

function isWhole({ leader, replicas }: Tablet, live: ReadonlySet<string>): boolean {
  const servers = new Set(replicas.map(({ server }) => server));
  return (
    leader !== null &&
    replicas.length === VOTERS &&
    servers.size === VOTERS &&
    replicas.every(({ role }) => role === "leader" || role === "follower") &&
    [...servers].every((server) => live.has(server))
  );
}

/** Null: no answer, or not the one asked for. */
async function view<T>(reply: Promise<Reply>): Promise<T | null> {
  try {
    const answered = await reply;
    return answered.status === 200 ? answered.json<T>() : null;
  } catch {
    return null;
  }
}
