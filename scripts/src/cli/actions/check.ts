// Checks a recorded history; the search runs in slices, so that Ctrl-C ends it.
import { createReadStream } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { unreachable } from "@stele/shared/assert.ts";
import { explainViolation } from "../../check/explanation.ts";
import { HistoryFormatError } from "../../check/history/history-format-error.ts";
import { parseJepsenKeyValueLog } from "../../check/formats/jepsen-key-value-log.ts";
import { parseJepsenRegisterLog } from "../../check/formats/jepsen-register-log.ts";
import { parseHistoryLine } from "../../check/history/history-line.ts";
import { checkInSlices, DEFAULT_MEMORY_BYTES } from "../../check/linearizability.ts";
import type { Model } from "../../check/model.ts";
import { keyValueModel } from "../../check/models/key-value.ts";
import { registerModel } from "../../check/models/register.ts";
import { rowModel } from "../../check/models/row.ts";
import { scanProblems } from "../../check/scan-coverage.ts";
import {
  VERDICT_EXIT,
  verdictJson,
  verdictKind,
  verdictLine,
  verdictText,
} from "../check-verdict.ts";
import type { CheckVerdict } from "../check-verdict.ts";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { CliContext } from "../context.ts";
import type { HistoryFormat } from "../history-formats.ts";
import { LineTooLongError, readLines } from "../ndjson-lines.ts";
import type { GlobalOptions } from "../session.ts";

export interface CheckOptions extends GlobalOptions {
  readonly format: HistoryFormat;
  /** Milliseconds. */
  readonly budget: number;
}

/** "text" also in a pipe, unless JSON was asked for. */
type VerdictForm = "text" | "json" | "ndjson";

export async function checkRecorded(
  context: CliContext,
  [file = ""]: readonly string[],
  options: CheckOptions,
): Promise<number> {
  const form = verdictForm(options);
  const lines = await historyLines(context, file);
  try {
    const verdict = await judgeLines(context, lines, options);
    if (verdict === null) {
      throw usageError(
        `${file} is not a history: there is no operation in it`,
        "If a pipeline writes it: what came before may have failed.",
      );
    }
    return tellVerdict(context, verdict, form);
  } catch (error) {
    if (!(error instanceof HistoryFormatError)) throw error;
    throw usageError(
      `${file} is not a history of the format ${options.format}: ${error.message}`,
      'docs/TESTING.md ("Histories") describes the file; --format names another format.',
    );
  }
}

function verdictForm({ output }: CheckOptions): VerdictForm {
  switch (output) {
    case undefined:
    case "table":
      return "text";
    case "json":
    case "ndjson":
      return output;
    default:
      throw usageError(
        `check has a verdict, and no form ${output} of it: -o takes table, json or ndjson`,
      );
  }
}

/** Null: there is no operation. */
async function judgeLines(
  context: CliContext,
  lines: readonly Buffer[],
  { format, budget }: CheckOptions,
): Promise<CheckVerdict | null> {
  switch (format) {
    case "stele": {
      const history = lines.map((line, at) => parseHistoryLine(line, at + 1));
      const verdict = await judge(context, rowModel, history, budget);
      return verdict === null ? null : { ...verdict, scanProblems: scanProblems(history) };
    }
    case "porcupine-etcd":
      return judge(context, registerModel, parseJepsenRegisterLog(lines.map(String)), budget);
    case "porcupine-kv":
      return judge(context, keyValueModel, parseJepsenKeyValueLog(lines.map(String)), budget);
    default:
      return unreachable(format);
  }
}

async function historyLines(context: CliContext, file: string): Promise<Buffer[]> {
  const stream = file === "-" ? context.stdin : createReadStream(file);
  const lines: Buffer[] = [];
  try {
    for await (const chunk of readLines(stream, { tail: "line" })) {
      for (const line of chunk) lines.push(line);
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
): Promise<CheckVerdict | null> {
  if (history.length === 0) return null;
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
  const { value: verdict } = slice;
  const { figures } = verdict;
  const found = { figures, tookMs: performance.now() - startedMs, scanProblems: [] };
  switch (verdict.kind) {
    case "linearizable":
      return { ...found, violation: null, undecided: null };
    case "violation": {
      const explanation = explainViolation(model, verdict.violation);
      return {
        ...found,
        violation: { object: verdict.violation.partition, explanation },
        undecided: null,
      };
    }
    case "undecided": {
      const { spent, partition } = verdict;
      return { ...found, violation: null, undecided: { object: partition, spent } };
    }
    default:
      return unreachable(verdict);
  }
}

/** Gives the exit code. As text, what is undecided is an error. */
function tellVerdict({ stdout }: CliContext, verdict: CheckVerdict, form: VerdictForm): number {
  const kind = verdictKind(verdict);
  if (form !== "text") {
    stdout.write(`${JSON.stringify(verdictJson(verdict), null, form === "json" ? 2 : 0)}\n`);
  } else if (kind === "undecided") {
    throw new CliError(VERDICT_EXIT[kind], verdictLine(verdict), {
      hint:
        verdict.undecided?.spent === "time" ? "--budget gives the search more time." : undefined,
    });
  } else stdout.write(verdictText(verdict));
  return VERDICT_EXIT[kind];
}
