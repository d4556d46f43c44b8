// What to do about a table that does not exist: which names there are, and the one that was perhaps meant.
import { nearName } from "./near-name.ts";
import { ProblemError } from "./problem.ts";
import type { RestClient } from "./rest-client.ts";
import { tableOfPath } from "./rest-path.ts";

/** Nobody waits longer for a hint. */
const PATIENCE_MS = 2000;
const LISTING = "`stele table ls` lists the tables.";

/** The error, with such a hint if it is TABLE_NOT_FOUND without one. */
export async function withTableHint(error: unknown, client: RestClient): Promise<unknown> {
  if (!(error instanceof ProblemError) || error.hint !== undefined) return error;
  if (error.code !== "TABLE_NOT_FOUND") return error;
  const asked = error.path === undefined ? null : tableOfPath(error.path);
  const near = asked === null ? null : nearName(asked, await tableNames(client));
  const hint = near === null ? LISTING : `Did you mean ${near}? ${LISTING}`;
  return new ProblemError({ ...error.problem, hint }, error.path);
}

/** None where they cannot be had: the hint is no reason for another error. */
async function tableNames(client: RestClient): Promise<readonly string[]> {
  try {
    const reply = await client.call({ method: "GET", path: "/tables", timeoutMs: PATIENCE_MS });
    const { tables } = reply.json<{ readonly tables: readonly { readonly name: string }[] }>();
    return tables.map(({ name }) => name);
  } catch {
    return [];
  }
}
