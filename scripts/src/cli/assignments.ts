// `family:qualifier=value` on the command line.
//
// A1. Cut at the first `=` behind the first colon; an `=` inside the qualifier is `\x3D`.
// A2. The value is taken as it is, except `@file` (the file's bytes), `-` (standard input's bytes)
//     and `@@...`, which is text that begins with one `@`.
import { readFile } from "node:fs/promises";
import { CliError, EXIT, usageError } from "./cli-error.ts";
import type { CliContext } from "./context.ts";

export interface Assignment {
  /** With its escapes, as typed: the server knows the same rule. */
  readonly column: string;
  readonly value: Buffer;
}

export async function readAssignments(
  texts: readonly string[],
  context: CliContext,
): Promise<Assignment[]> {
  const assignments: Assignment[] = [];
  let readsStdin = false;
  for (const text of texts) {
    const { column, source } = splitAssignment(text);
    if (assignments.some((other) => other.column === column)) {
      throw usageError(`the column ${column} is given twice`);
    }
    if (source === "-" && readsStdin) throw usageError("only one value can be standard input");
    readsStdin ||= source === "-";
    assignments.push({ column, value: await readValue(source, context) });
  }
  return assignments;
}

function splitAssignment(text: string): { readonly column: string; readonly source: string } {
  const colon = text.indexOf(":");
  const equals = text.indexOf("=", colon + 1);
  if (colon < 1 || equals === -1) {
    throw usageError(
      `${JSON.stringify(text)} is not FAMILY:QUALIFIER=VALUE`,
      "For example grade:cs214=90; a column is a family, a colon and a qualifier.",
    );
  }
  return { column: text.slice(0, equals), source: text.slice(equals + 1) };
}

async function readValue(source: string, context: CliContext): Promise<Buffer> {
  if (source === "-") return readStdin(context);
  if (source.startsWith("@@")) return Buffer.from(source.slice(1), "utf8");
  if (!source.startsWith("@")) return Buffer.from(source, "utf8");
  return readInputFile(source.slice(1));
}

export async function readInputFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw usageError(`cannot read ${path}: ${(error as Error).message}`);
  }
}

export async function readStdin({ stdin, interrupt }: CliContext): Promise<Buffer> {
  const stop = (): void => {
    stdin.destroy(new CliError(EXIT.interrupted, "interrupted"));
  };
  if (interrupt.aborted) stop();
  interrupt.addEventListener("abort", stop, { once: true });
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of stdin as AsyncIterable<Buffer>) chunks.push(chunk);
    return Buffer.concat(chunks);
  } finally {
    interrupt.removeEventListener("abort", stop);
  }
}
