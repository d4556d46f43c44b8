/**
 * Assertions for broken invariants. A failed assertion is a bug in Stele, never bad input: nothing
 * catches it on purpose, and the process that raised it ends.
 */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** Throws `InvariantError` unless `condition` holds. Pass a function where the text costs work. */
export function assert(condition: unknown, message: string | (() => string)): asserts condition {
  if (!condition) throw new InvariantError(typeof message === "string" ? message : message());
}

/** The value, which the caller knows to be present. */
export function must<T>(value: T | null | undefined, message: string): T {
  if (value === undefined || value === null) throw new InvariantError(message);
  return value;
}

/** Ends an exhaustive `switch`; does not compile while a case is missing. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable case: ${JSON.stringify(value)}`);
}
