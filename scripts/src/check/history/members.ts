/** The members of one JSON object, read strictly: an unknown one, or a missing one, is an error. */
import { at, objectOf, onlyMembers } from "@stele/frontend/rest/invalid-input.ts";
import type { Pointer } from "@stele/frontend/rest/invalid-input.ts";

export type ParseMember<T> = (value: unknown, pointer: Pointer) => T;

export class Members {
  readonly pointer: Pointer;
  readonly #object: Readonly<Record<string, unknown>>;

  /** @param known the names that may be there; the rest throws, with their places */
  constructor(value: unknown, pointer: Pointer, known: readonly string[]) {
    this.#object = objectOf(value, pointer);
    this.pointer = pointer;
    onlyMembers(this.#object, new Set(known), pointer);
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#object, name);
  }

  required<T>(name: string, parse: ParseMember<T>): T {
    return parse(this.#object[name], at(this.pointer, name));
  }

  /** Null: not there. */
  optional<T>(name: string, parse: ParseMember<T>): T | null {
    return this.has(name) ? this.required(name, parse) : null;
  }
}

/** Takes null beside what `parse` takes. */
export function nullable<T>(parse: ParseMember<T>): ParseMember<T | null> {
  return (value, pointer) => (value === null ? null : parse(value, pointer));
}
