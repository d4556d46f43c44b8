/**
 * Reads a log of a key-value store: lines such as
 * `{:process 0, :type :ok, :f :append, :key "4", :value "x 0 1 y"}`.
 */
import type { KeyValueInput, KeyValueOperation, KeyValueOutput } from "../models/key-value.ts";
import { HistoryFormatError } from "../history/history-format-error.ts";
import { RecordedCalls } from "./recorded-calls.ts";

const TEXT = String.raw`"(?:[^"\\]|\\.)*"`;
const LINE = new RegExp(
  String.raw`^\{:process (\d+), :type :(invoke|ok|info), :f :(get|put|append), ` +
    `:key (${TEXT}), :value (nil|${TEXT})\\}$`,
);

interface Event {
  readonly process: string;
  readonly type: string;
  readonly kind: KeyValueInput["kind"];
  readonly key: string;
  /** Null: nil. */
  readonly value: string | null;
}

export function parseJepsenKeyValueLog(lines: Iterable<string>): KeyValueOperation[] {
  const calls = new RecordedCalls<KeyValueInput, KeyValueOutput>();
  let number = 0;
  for (const line of lines) {
    number++;
    if (line.trim() === "") continue;
    const at = number;
    const event = eventOf(at, line);
    const { process, type, kind, key, value } = event;
    if (type === "invoke") calls.call(at, process, { kind, key, value: value ?? "" });
    else calls.end(at, process, (input) => outputOf(at, input, event));
  }
  return calls.finish();
}

function eventOf(line: number, text: string): Event {
  const [, process, type, kind, key, value] = LINE.exec(text) ?? [];
  if (process === undefined || type === undefined || key === undefined || value === undefined) {
    throw new HistoryFormatError(
      line,
      `not an event of a key-value store: ${JSON.stringify(text)}`,
    );
  }
  if (value === "nil" && !(kind === "get" && type === "invoke") && type !== "info") {
    throw new HistoryFormatError(line, `:${kind} without a value`);
  }
  return {
    process,
    type,
    kind: kind as Event["kind"],
    key: unquoted(line, key),
    value: value === "nil" ? null : unquoted(line, value),
  };
}

function outputOf(
  line: number,
  input: KeyValueInput,
  { kind, key, type, value }: Event,
): KeyValueOutput | null {
  if (kind !== input.kind || key !== input.key) {
    throw new HistoryFormatError(line, `:${kind} of ${key} ends a :${input.kind} of ${input.key}`);
  }
  if (type === "info") return null;
  return kind === "get" ? (value ?? "") : "";
}

function unquoted(line: number, text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    throw new HistoryFormatError(line, `not a text: ${text}`);
  }
}
