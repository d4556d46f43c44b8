/**
 * Refusals of input, and the place in the input that each one names.
 *
 * A `Pointer` is a list from the inside out, so that walking a good body costs one small object a
 * level and no text; only a refusal renders it.
 */
import { DatabaseError } from "@stele/shared/errors.ts";
import type { ErrorCode, InputProblem } from "@stele/shared/errors.ts";

/** A place in a JSON body; null is the body itself. */
export type Pointer = { readonly parent: Pointer; readonly segment: string | number } | null;

export function at(parent: Pointer, segment: string | number): Pointer {
  return { parent, segment };
}

/** As a JSON pointer (RFC 6901). */
export function pointerText(pointer: Pointer): string {
  let text = "";
  for (let place = pointer; place !== null; place = place.parent) {
    const segment = String(place.segment).replaceAll("~", "~0").replaceAll("/", "~1");
    text = `/${segment}${text}`;
  }
  return text;
}

/** 400 INVALID_REQUEST unless `code` says otherwise, naming one place in the body. */
export function invalidBody(
  pointer: Pointer,
  detail: string,
  code: ErrorCode = "INVALID_REQUEST",
): DatabaseError {
  return invalidInput(pointerText(pointer), detail, code);
}

/** The same for a query parameter. */
export function invalidParameter(
  name: string,
  detail: string,
  code: ErrorCode = "INVALID_REQUEST",
): DatabaseError {
  return invalidInput(`?${name}`, detail, code);
}

/** `place`: a JSON pointer, `?name` or a header's name. */
export function invalidInput(place: string, detail: string, code: ErrorCode): DatabaseError {
  return invalidInputs([{ pointer: place, detail }], code);
}

export function invalidInputs(problems: readonly InputProblem[], code: ErrorCode): DatabaseError {
  const shown = problems.slice(0, 20);
  const detail = shown
    .map(({ pointer, detail: text }) => (pointer === "" ? text : `${pointer}: ${text}`))
    .join("; ");
  return new DatabaseError({ code, detail, errors: shown });
}

/** The value as a JSON object, neither an array nor null. */
export function objectOf(value: unknown, pointer: Pointer): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalidBody(pointer, `must be an object, not ${nameOfType(value)}`);
  }
  return value as Readonly<Record<string, unknown>>;
}

export function listOf(value: unknown, pointer: Pointer): readonly unknown[] {
  if (!Array.isArray(value)) {
    throw invalidBody(pointer, `must be an array, not ${nameOfType(value)}`);
  }
  return value;
}

/** Refuses members that `known` does not hold, naming all of them. */
export function onlyMembers(
  object: Readonly<Record<string, unknown>>,
  known: ReadonlySet<string>,
  pointer: Pointer,
): void {
  for (const name in object) {
    if (!known.has(name)) throw unknownMembers(object, known, pointer);
  }
}

function unknownMembers(
  object: Readonly<Record<string, unknown>>,
  known: ReadonlySet<string>,
  pointer: Pointer,
): DatabaseError {
  const detail = `is not known here; known are ${[...known].join(", ")}`;
  const unknown = Object.keys(object).filter((name) => !known.has(name));
  return invalidInputs(
    unknown.map((name) => ({ pointer: pointerText(at(pointer, name)), detail })),
    "INVALID_REQUEST",
  );
}

export function nameOfType(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "missing";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
