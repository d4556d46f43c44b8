// Conditions of writes: as headers of the request, and their failure in the words of the options.
import { usageError } from "./cli-error.ts";
import { quote } from "./curl-line.ts";
import { printKey } from "./key-text.ts";
import { ProblemError } from "./problem.ts";

export interface ConditionOptions {
  readonly ifVersion?: string;
  readonly ifExists?: boolean;
  readonly ifAbsent?: boolean;
}

export interface ConditionalWrite extends ConditionOptions {
  readonly does: "write" | "delete";
  readonly table: string;
  readonly key: Buffer;
}

/** A version includes that the row exists. Throws where no row could meet them. */
export function conditionHeaders(options: ConditionOptions): Record<string, string> {
  const { ifVersion, ifExists, ifAbsent } = options;
  if (ifAbsent === true && (ifExists === true || ifVersion !== undefined)) {
    const other = ifVersion === undefined ? "--if-exists" : "--if-version";
    throw usageError(`--if-absent and ${other} exclude each other`);
  }
  if (ifAbsent === true) return { "if-none-match": "*" };
  if (ifVersion !== undefined) return { "if-match": `"${ifVersion}"` };
  return ifExists === true ? { "if-match": "*" } : {};
}

/** The error; a condition that failed is told by its option and by what can be done. */
export function withConditionWords(error: unknown, write: ConditionalWrite): unknown {
  if (!(error instanceof ProblemError) || error.code !== "VERSION_MISMATCH") return error;
  const { problem, path } = error;
  const { version } = problem;
  if (version === undefined) return error;
  const { ifVersion, ifAbsent } = write;
  const present = ifVersion === undefined ? "--if-exists" : `--if-version ${ifVersion}`;
  const option = ifAbsent === true ? "--if-absent" : present;
  const found = version === null ? "there is no such row" : `the row is in version ${version}`;
  const detail = `${option}: ${found}; nothing was changed`;
  return new ProblemError({ ...problem, detail, hint: nextStep(version, write) }, path);
}

/** @param version of the row now; null: there is none */
function nextStep(version: string | null, { does, table, key }: ConditionalWrite): string {
  if (version !== null) {
    const read = `stele get ${quote(table)} ${quote(printKey(key))}`;
    return `\`${read}\` reads it; --if-version ${version} will ${does} just this version.`;
  }
  return does === "delete"
    ? "There is nothing to delete."
    : "--if-absent in its place writes where there is no row.";
}
