/**
 * Reads a log of Jepsen's register test: lines such as `INFO  jepsen.util - 0 :invoke :cas [3 0]`, with tabs
 * between the fields. `:fail` says that nothing happened, `:info` that nobody knows.
 */
import type {
  RegisterInput,
  RegisterOperation,
  RegisterOutput,
  RegisterState,
} from "../models/register.ts";
import { HistoryFormatError } from "../history/history-format-error.ts";
import { RecordedCalls } from "./recorded-calls.ts";

const LINE = /^INFO\s+jepsen\.util - (\d+)\t:(invoke|ok|fail|info)\t:(read|write|cas)\t(.+)$/;
const PAIR = /^\[(-?\d+) (-?\d+)\]$/;

export function parseJepsenRegisterLog(lines: Iterable<string>): RegisterOperation[] {
  const calls = new RecordedCalls<RegisterInput, RegisterOutput>();
  let number = 0;
  for (const line of lines) {
    number++;
    if (line.trim() === "") continue;
    const [, process, event, name, argument] = LINE.exec(line) ?? [];
    if (process === undefined || name === undefined || argument === undefined) {
      throw new HistoryFormatError(number, `not an event of a register: ${JSON.stringify(line)}`);
    }
    const at = number;
    if (event === "invoke") calls.call(at, process, inputOf(at, name, argument));
    else calls.end(at, process, (input) => outputOf(at, input, { event, name, argument }));
  }
  return calls.finish();
}

function inputOf(line: number, name: string, argument: string): RegisterInput {
  if (name === "read" && argument === "nil") return { kind: "read" };
  if (name === "write") return { kind: "write", value: integer(line, argument) };
  const [, expected, value] = PAIR.exec(argument) ?? [];
  if (name !== "cas" || expected === undefined || value === undefined) {
    throw new HistoryFormatError(line, `not an argument of :${name}: ${argument}`);
  }
  return { kind: "compare-and-set", expected: Number(expected), value: Number(value) };
}

interface End {
  readonly event: string | undefined;
  readonly name: string;
  readonly argument: string;
}

function outputOf(
  line: number,
  input: RegisterInput,
  { event, name, argument }: End,
): RegisterOutput | null {
  const called = input.kind === "compare-and-set" ? "cas" : input.kind;
  if (called !== name) throw new HistoryFormatError(line, `:${name} ends a :${called}`);
  if (event === "info") return null;
  if (event === "ok") {
    return input.kind === "read"
      ? { kind: "value", value: valueOf(line, argument) }
      : { kind: "done" };
  }
  if (input.kind === "compare-and-set") return { kind: "refused" };
  // A read that failed says nothing, as one without an outcome does.
  if (input.kind === "read") return null;
  throw new HistoryFormatError(line, "a write to a register cannot be refused");
}

function valueOf(line: number, argument: string): RegisterState {
  return argument === "nil" ? "empty" : integer(line, argument);
}

function integer(line: number, text: string): number {
  if (/^-?\d{1,15}$/.test(text)) return Number(text);
  throw new HistoryFormatError(line, `not an integer: ${text}`);
}
