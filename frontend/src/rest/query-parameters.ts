/**
 * The query of a URL, read strictly: an unknown, repeated or ill-typed parameter is refused by name.
 *
 * Names and values are percent-encoded octets in which `+` is a space; only keys and columns may be
 * other than UTF-8.
 */
import { isUtf8 } from "node:buffer";
import { durationMs } from "./durations.ts";
import { invalidInputs, invalidParameter } from "./invalid-input.ts";
import { octetsOf } from "./path-octets.ts";

export class QueryParameters {
  readonly #values: ReadonlyMap<string, Buffer>;

  constructor(values: ReadonlyMap<string, Buffer>) {
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** Null: absent, as everywhere below. */
  octets(name: string): Buffer | null {
    return this.#values.get(name) ?? null;
  }

  text(name: string): string | null {
    const octets = this.octets(name);
    if (octets === null) return null;
    if (!isUtf8(octets)) throw invalidParameter(name, "must be UTF-8");
    return octets.toString("utf8");
  }

  oneOf<T extends string>(name: string, choices: readonly T[]): T | null {
    const text = this.text(name);
    if (text === null) return null;
    const choice = choices.find((each) => each === text);
    if (choice === undefined) throw invalidParameter(name, `must be one of ${choices.join(", ")}`);
    return choice;
  }

  boolean(name: string): boolean | null {
    const choice = this.oneOf(name, ["true", "false"]);
    return choice === null ? null : choice === "true";
  }

  /** Both bounds inclusive. */
  integer(name: string, bounds: { readonly min: number; readonly max: number }): number | null {
    const text = this.text(name);
    if (text === null) return null;
    const value = /^(?:0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN;
    if (value >= bounds.min && value <= bounds.max) return value;
    throw invalidParameter(name, `must be an integer from ${bounds.min} to ${bounds.max}`);
  }

  /** Milliseconds; the upper bound is inclusive. */
  duration(
    name: string,
    bounds: { readonly minMs: number; readonly maxMs: number },
  ): number | null {
    const text = this.text(name);
    if (text === null) return null;
    const value = durationMs(text);
    if (value === null) {
      throw invalidParameter(name, "must be a duration such as 500ms, 5s, 2m or 1h");
    }
    if (value < bounds.minMs || value > bounds.maxMs) {
      throw invalidParameter(name, `must be from ${bounds.minMs}ms to ${bounds.maxMs}ms`);
    }
    return value;
  }
}

/** `raw`: what follows the question mark. */
export function parseQuery(raw: string, known: ReadonlySet<string>): QueryParameters {
  const values = new Map<string, Buffer>();
  const unknown: string[] = [];
  for (const part of raw.split("&")) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const name = decoded(equals === -1 ? part : part.slice(0, equals))?.toString("utf8") ?? part;
    if (!known.has(name)) {
      unknown.push(name);
      continue;
    }
    const value = decoded(equals === -1 ? "" : part.slice(equals + 1));
    if (value === null) throw invalidParameter(name, "is not percent-encoded");
    if (values.has(name)) throw invalidParameter(name, "is given twice");
    values.set(name, value);
  }
  if (unknown.length > 0) throw unknownParameters(unknown, known);
  return new QueryParameters(values);
}

function decoded(text: string): Buffer | null {
  return octetsOf(text.includes("+") ? text.replaceAll("+", " ") : text);
}

function unknownParameters(unknown: readonly string[], known: ReadonlySet<string>): Error {
  const detail = `is not known here; known are ${[...known].join(", ")}`;
  return invalidInputs(
    unknown.map((name) => ({ pointer: `?${name.slice(0, 100)}`, detail })),
    "INVALID_REQUEST",
  );
}
