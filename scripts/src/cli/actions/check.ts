// Checks a recorded history; the search runs in slices, so that Ctrl-C ends it.
import { createReadStream } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { unreachable } from "@stele/shared/assert.ts";
import { explainViolation } from "../../check/explanation.ts";
import { HistoryFormatError } from "../../check/history/history-format-error.ts";
import { parseJepsenKeyValueLog } from "../../check/formats/jepsen-key-value-log.ts";
import { parseJepsenRegisterLog } from "../../check/formats/jepsen-register-log.ts";
import { parseHistoryLine } from "../../check/history/history-line.ts";
import type { RecordedOperation } from "../../check/history/row-operation.ts";
import { checkInSlices, DEFAULT_MEMORY_BYTES } from "../../check/linearizability.ts";
import type { CheckFigures } from "../../check/linearizability.ts";
import type { Model } from "../../check/model.ts";
import { keyValueModel } from "../../check/models/key-value.ts";
import { registerModel } from "../../check/models/register.ts";
import { rowModel } from "../../check/models/row.ts";
import { describeScanProblem, scanProblems } from "../../check/scan-coverage.ts";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { CliContext } from "../context.ts";
import type { HistoryFormat } from "../history-formats.ts";
import { printText } from "../key-text.ts";
import { LineTooLongError, readLines } from "../ndjson-lines.ts";
import type { GlobalOptions } from "../session.ts";

export interface CheckOptions extends GlobalOptions {
  readonly format: HistoryFormat;
  /** Milliseconds. */
  readonly budget: number;
}

const SCAN_PROBLEMS_SHOWN = 20;

export async function checkRecorded(
  context: CliContext,
  [file = ""]: readonly string[],
  { format, budget }: CheckOptions,
): Promise<number> {
  const lines = await historyLines(context, file);
  try {
    switch (format) {
      case "stele": {
        const history = lines.map((line, at) => parseHistoryLine(line, at + 1));
        const exitCode = judgeScans(context, history);
        return Math.max(exitCode, await judge(context, rowModel, history, budget));
      }
      case "porcupine-etcd":
        return await judge(context, registerModel, parseJepsenRegisterLog(lines), budget);
      case "porcupine-kv":
        return await judge(context, keyValueModel, parseJepsenKeyValueLog(lines), budget);
      default:
        return unreachable(format);
    }
  } catch (error) {
    if (!(error instanceof HistoryFormatError)) throw error;
    throw usageError(`${file} is not a history of the format ${format}: ${error.message}`);
  }
}

async function historyLines(context: CliContext, file: string): Promise<string[]> {
  const stream = file === "-" ? context.stdin : createReadStream(file);
  const lines: string[] = [];
  try {
    for await (const chunk of readLines(stream, { tail: "line" })) {
      for (const line of chunk) lines.push(line.toString("utf8"));
    }
  } catch (error) {
    const isUsage = error instanceof LineTooLongError || (error as Error & { code?: string }).code;
    if (!isUsage) throw error;
    throw usageError(`cannot read ${file}: ${(error as Error).message}`);
  }
  return lines;
}

async function judge<State extends NonNullable<unknown>, Input, Output, Recorded>(
  context: CliContext,
  model: Model<State, Input, Output, Recorded>,
  history: readonly Recorded[],
  budgetMs: number,
): Promise<number> {
  const startedMs = performance.now();
  const check = checkInSlices(model, history, {
    nowMs: () => performance.now(),
    budgetMs,
    memoryBytes: DEFAULT_MEMORY_BYTES,
  });
  let slice = check.next();
  for (; slice.done !== true; slice = check.next()) {
    await nextTurn();
    if (context.interrupt.aborted) throw new CliError(EXIT.interrupted, "interrupted");
  }
  const verdict = slice.value;
  const figures = figuresText(verdict.figures, performance.now() - startedMs);
  switch (verdict.kind) {
    case "linearizable":
      context.stdout.write(`linearizable: ${figures}\n`);
      return EXIT.ok;
    case "violation":
      print(context, explainViolation(model, verdict.violation));
      print(context, `violation: ${figures}\n`);
      return EXIT.other;
    case "undecided": {
      const { spent, partition } = verdict;
      throw new CliError(
        EXIT.deadline,
        `undecided, which is no pass: no ${spent} was left for ${partition} (${figures})`,
        { hint: spent === "time" ? "--budget gives the search more time." : undefined },
      );
    }
    default:
      return unreachable(verdict);
  }
}

function judgeScans(context: CliContext, history: readonly RecordedOperation[]): number {
  const problems = scanProblems(history);
  const shown = problems.slice(0, SCAN_PROBLEMS_SHOWN).map(describeScanProblem);
  if (problems.length > shown.length) shown.push(`${problems.length - shown.length} more`);
  for (const line of shown) print(context, `scan: ${line}\n`);
  return problems.length === 0 ? EXIT.ok : EXIT.other;
}

function figuresText({ operations, partitions, entered }: CheckFigures, tookMs: number): string {
  const seconds = (tookMs / 1000).toFixed(2);
  return `operations ${operations}, objects ${partitions}, steps ${entered}, ${seconds} s`;
}

/** Names and values come from the file. */
function print({ stdout }: CliContext, text: string): void {
  stdout.write(text.split("\n").map(printText).join("\n"));
}
