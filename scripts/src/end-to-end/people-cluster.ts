// A cluster with two front-ends and two tables of four tablets: `people`, filled, and `scratch`.
import type { Reply, Rest } from "./rest.ts";
import { TwoFrontends } from "./two-frontends.ts";

export const ROWS = "/tables/people/rows";
export const SCRATCH = "/tables/scratch/rows";
/** Of the rows of `people`, 26 x 4 over the four tablets: a0..a3, b0.. */
export const KEYS: readonly string[] = Array.from("abcdefghijklmnopqrstuvwxyz").flatMap((letter) =>
  ["0", "1", "2", "3"].map((digit) => letter + digit),
);

export async function startPeopleCluster(): Promise<TwoFrontends> {
  const started = await TwoFrontends.start({ tabletServers: 3 });
  try {
    await fill(started.rest);
    return started;
  } catch (error) {
    await started.stop();
    throw error;
  }
}

async function fill(rest: Rest): Promise<void> {
  const families = { d: {}, n: {} };
  for (const name of ["people", "scratch"]) {
    const table = { name, families, splitKeys: ["g", "n", "t"] };
    expectSuccess(await rest.post("/tables", table));
  }
  const ops = KEYS.map((key) => ({ put: { key, columns: { "d:x": key, "n:y": "1" } } }));
  expectSuccess(await rest.post(`${ROWS}:batch`, { ops }));
}

function expectSuccess({ status, text }: Reply): void {
  if (status !== 200 && status !== 201) throw new Error(`${status} ${text}`);
}
