// One line of an import: what is sent for it, or why nothing is.
//
// L1. Bare rows are sent as they are. Operations whose repetition would not be harmless (patches,
//     conditions) get an idempotency key made of the import's id and their line, so that a line sent
//     again, by this run or the next, is applied once.
// L2. Control lines of a stream never reach the server: an `end` line is checked here, against the
//     rows before it; an `error` line means that the file is incomplete.
// L3. A line of a rejects file is taken for the input that it holds.

export type ImportLine =
  | { readonly kind: "send"; readonly bytes: Buffer; readonly isRow: boolean }
  | { readonly kind: "skip" }
  | { readonly kind: "end"; readonly rows: number }
  | { readonly kind: "error"; readonly detail: string };

const ROW_START = Buffer.from('{"key":');

/** @param line without its newline */
export function importLine(line: Buffer, idempotencyKey: () => string): ImportLine {
  if (line.subarray(0, ROW_START.length).equals(ROW_START)) {
    return { kind: "send", bytes: line, isRow: true };
  }
  const value = parseObject(line);
  if (value === null) {
    const isBlank = line.toString("latin1").trim() === "";
    // What is not JSON is the server's to refuse, like everything else that is wrong in a line.
    return isBlank ? { kind: "skip" } : { kind: "send", bytes: line, isRow: false };
  }
  if (typeof value["line"] === "number" && "input" in value) {
    const { input } = value;
    const text = typeof input === "string" ? input : JSON.stringify(input);
    return importLine(Buffer.from(text, "utf8"), idempotencyKey);
  }
  if ("key" in value) return { kind: "send", bytes: line, isRow: true };
  return controlLine(value) ?? operation(line, value, idempotencyKey);
}

function controlLine(value: Readonly<Record<string, unknown>>): ImportLine | null {
  if ("progress" in value) return { kind: "skip" };
  if ("end" in value) {
    const { rows } = (value["end"] ?? {}) as { readonly rows?: unknown };
    return typeof rows === "number" ? { kind: "end", rows } : { kind: "skip" };
  }
  if ("error" in value) {
    return { kind: "error", detail: JSON.stringify(value["error"]) };
  }
  return null;
}

/** `ifVersion` and `idempotencyKey` may stand in the operation or beside it. */
function operation(
  line: Buffer,
  value: Readonly<Record<string, unknown>>,
  idempotencyKey: () => string,
): ImportLine {
  const isRow = "put" in value;
  const name = ["put", "patch", "delete"].find((kind) => isObject(value[kind]));
  const asIs: ImportLine = { kind: "send", bytes: line, isRow };
  if (name === undefined) return asIs;
  const body = value[name] as Readonly<Record<string, unknown>>;
  const given = { ...body, ...value };
  const isRepeatable = name !== "patch" && given["ifVersion"] === undefined;
  if (isRepeatable || given["idempotencyKey"] !== undefined) return asIs;
  const isBeside = value["ifVersion"] !== undefined;
  const own = { idempotencyKey: idempotencyKey() };
  const keyed = isBeside ? { ...value, ...own } : { ...value, [name]: { ...body, ...own } };
  return { kind: "send", bytes: Buffer.from(JSON.stringify(keyed)), isRow };
}

function parseObject(line: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line.toString("utf8"));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
