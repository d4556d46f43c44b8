// What the cluster says about itself (sections 2 and 7), and waiting for what it should say.
import { expect } from "vitest";
import type { TestCluster } from "../launch/test-cluster.ts";
import type { Rest } from "./rest.ts";

export interface Tablet {
  readonly id: string;
  readonly start: unknown;
  readonly end: unknown;
  readonly generation: number;
  /** Operator's name of a tablet server. */
  readonly leader: string | null;
  readonly replicas: readonly {
    readonly server: string;
    readonly role: "leader" | "follower" | "learner" | "leaving";
    readonly lag: number | null;
  }[];
  readonly sizeBytes: number;
  readonly rows: number;
}

export interface Server {
  readonly id: string;
  readonly serverId: string;
  readonly url: string;
  readonly state: string;
  readonly replicas: number;
  readonly leaders: number;
}

export interface Master {
  readonly id: string;
  readonly role: "leader" | "follower" | "unreachable";
}

export interface Verification {
  readonly index: number;
  readonly equal: boolean;
  readonly replicas: readonly {
    readonly server: string;
    readonly rows: number;
    readonly hash: string;
  }[];
}

export async function tabletsOf(rest: Rest, table: string): Promise<Tablet[]> {
  const reply = await rest.get(`/tables/${table}/tablets`);
  expect(reply.status, reply.text).toBe(200);
  return reply.json<{ tablets: Tablet[] }>().tablets;
}

export async function serversOf(rest: Rest): Promise<Server[]> {
  const reply = await rest.get("/servers");
  expect(reply.status, reply.text).toBe(200);
  return reply.json<{ servers: Server[] }>().servers;
}

/** The master that leads the catalog now. */
export async function leadingMaster(cluster: TestCluster, rest: Rest): Promise<string> {
  return cluster.waitFor(
    async () => {
      const { masters } = (await rest.get("/masters")).json<{ masters: Master[] }>();
      return masters.find(({ role }) => role === "leader")?.id;
    },
    { what: "a master leads" },
  );
}

/** The server that answered a read of the row: the leader of its tablet. */
export async function leaderOfRow(rest: Rest, table: string, key: string): Promise<string> {
  const reply = await rest.get(`/tables/${table}/rows/${key}`);
  const server = /^([^;]+); role=leader; tablet=\d+; generation=\d+$/.exec(
    reply.headers["stele-served-by"] ?? "",
  )?.[1];
  if (server === undefined) throw new Error(`${reply.status} without leader: ${reply.text}`);
  return server;
}

interface VerificationWish {
  readonly table: string;
  readonly voters: number;
  readonly withinMs?: number;
  /** Short where replicas are being made: a try too early waits in vain. Each may double the last. */
  readonly firstTryMs?: number;
}

const TRY_MS = 5_000;

/**
 * Waits until every tablet has `voters` caught-up replicas, and compares their contents. Replicas
 * that differ fail at once: no waiting makes that right. Resolves to the number of rows.
 */
export async function verifyTable(
  cluster: TestCluster,
  rest: Rest,
  { table, voters, withinMs = 40_000, firstTryMs = TRY_MS }: VerificationWish,
): Promise<number> {
  const verifyTablet = async ({ id }: Tablet): Promise<number> => {
    let timeoutMs = firstTryMs;
    const verification = await cluster.waitFor(
      async () => {
        const reply = await rest.post(`/tablets/${id}:verify?timeout=${timeoutMs}ms`);
        timeoutMs = Math.min(2 * timeoutMs, TRY_MS);
        if (reply.status !== 200) throw new Error(reply.text);
        const answer = reply.json<Verification>();
        return (!answer.equal || answer.replicas.length === voters) && answer;
      },
      { what: `tablet ${id} has ${voters} replicas to compare`, withinMs, everyMs: 100 },
    );
    expect(verification, `tablet ${id}`).toMatchObject({ equal: true });
    const counts = new Set(verification.replicas.map((replica) => replica.rows));
    const hashes = new Set(verification.replicas.map((replica) => replica.hash));
    expect([counts.size, hashes.size], `tablet ${id}: ${JSON.stringify(verification)}`).toEqual([
      1, 1,
    ]);
    return verification.replicas[0]?.rows ?? 0;
  };
  const rows = await Promise.all((await tabletsOf(rest, table)).map(verifyTablet));
  return rows.reduce((sum, count) => sum + count, 0);
}

/** Waits until each tablet of the table has `voters` voting replicas, all on live servers. */
export async function waitForVoters(
  cluster: TestCluster,
  rest: Rest,
  { table, voters, withinMs = 60_000 }: { table: string; voters: number; withinMs?: number },
): Promise<void> {
  let seen: unknown;
  const isWhole = async (): Promise<boolean> => {
    const live = new Set<string>();
    for (const { id, state } of await serversOf(rest)) if (state === "live") live.add(id);
    const tablets = await tabletsOf(rest, table);
    seen = tablets;
    return tablets.every(({ leader, replicas }) => {
      const roles = replicas.map(({ role }) => role);
      return (
        leader !== null &&
        replicas.length === voters &&
        new Set(replicas.map(({ server }) => server)).size === voters &&
        roles.every((role) => role === "leader" || role === "follower") &&
        replicas.every(({ server }) => live.has(server))
      );
    });
  };
  try {
    await cluster.waitFor(isWhole, { what: "every tablet is whole", withinMs, everyMs: 100 });
  } catch (error) {
    throw new Error(`${String(error)}\nlast seen: ${JSON.stringify(seen)}`, { cause: error });
  }
}

/** Waits until each tablet of the table has a leader other than `without`. */
export async function waitForLeaders(
  cluster: TestCluster,
  rest: Rest,
  { table, without }: { table: string; without?: string },
): Promise<void> {
  await cluster.waitFor(
    async () => {
      const tablets = await tabletsOf(rest, table);
      return tablets.every(({ leader }) => leader !== null && leader !== without);
    },
    { what: `every tablet of ${table} has a leader` },
  );
}
