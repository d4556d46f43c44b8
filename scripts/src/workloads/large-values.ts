/**
 * Values of many bytes that are few characters in a history: `~3000~` stands for itself and 3000 dots behind it. Calls
 * are made with the dots; answers are spelled without them where there are as many as there must be.
 */
import type { Random } from "@stele/shared/random.ts";
import type {
  Columns,
  FailedOutcome,
  ReadOutcome,
  RowMutation,
  ScannedOutcome,
  WriteOperation,
} from "../check/history/row-operation.ts";
import type { WriteAnswer } from "./store-client.ts";

const LARGEST_BYTES = 9 * 1024;
const SHORT = /~(\d+)~/g;
const LONG = /~(\d+)~(\.*)/g;

/** Spelled short, to stand in a JSON string; so many bytes at least, and less than 9 KiB. */
export function largeText(random: Random, leastBytes: number): string {
  return `~${leastBytes + random.below(LARGEST_BYTES - leastBytes)}~`;
}

/** The operation as it is called. */
export function spelledOut(operation: WriteOperation): WriteOperation {
  const { mutations, test } = operation;
  return {
    ...operation,
    test: test === null ? null : { ...test, equals: test.equals && long(test.equals) },
    mutations: mutations.map(mutationSpelledOut),
  };
}

/** Of any text. Dots that are not as many as the number before them says stay. */
export function spelledShort(text: string): string {
  if (!text.includes("~")) return text;
  return text.replace(LONG, (whole, count: string, dots: string) =>
    dots.length === Number(count) ? `~${count}~` : whole,
  );
}

export function readSpelledShort(
  answer: ReadOutcome | FailedOutcome | null,
): ReadOutcome | FailedOutcome | null {
  if (answer?.kind !== "read" || answer.row === null) return answer;
  const { columns, version } = answer.row;
  return { ...answer, row: { version, columns: columnsSpelledShort(columns) } };
}

export function scanSpelledShort(
  answer: ScannedOutcome | FailedOutcome | null,
): ScannedOutcome | FailedOutcome | null {
  if (answer?.kind !== "scanned") return answer;
  const rows = answer.rows.map((row) => {
    const { columns } = row;
    return columns === null ? row : { ...row, columns: columnsSpelledShort(columns) };
  });
  return { ...answer, rows };
}

export function writeSpelledShort(answer: WriteAnswer): WriteAnswer {
  if (answer?.kind !== "written" || answer.computed === null) return answer;
  return { ...answer, computed: columnsSpelledShort(answer.computed) };
}

function mutationSpelledOut(mutation: RowMutation): RowMutation {
  if (mutation.kind !== "set" && mutation.kind !== "append") return mutation;
  return { ...mutation, value: long(mutation.value) };
}

function long(text: string): string {
  if (!text.includes("~")) return text;
  return text.replace(SHORT, (whole, count: string) => whole + ".".repeat(Number(count)));
}

function columnsSpelledShort(columns: Columns): Columns {
  let result: Map<string, string> | null = null;
  for (const [name, value] of columns) {
    const short = spelledShort(value);
    if (short !== value) result = (result ?? new Map(columns)).set(name, short);
  }
  return result ?? columns;
}
