/** Finds the member that a JSON text gives twice. Runs only to word a refusal. */
import { at } from "./invalid-input.ts";
import type { Pointer } from "./invalid-input.ts";

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g;

interface Container {
  readonly pointer: Pointer;
  /** Names seen so far; null: an array. */
  readonly names: Set<string> | null;
  /** The member or index that the next value belongs to. */
  segment: string | number;
}

/** `text` is valid JSON; null: no object has two equal members. */
export function duplicateMember(text: string): Pointer {
  const open: Container[] = [];
  let pendingName: string | null = null;
  for (const [token] of text.matchAll(TOKEN)) {
    const container = open.at(-1);
    if (token === "{" || token === "[") {
      const pointer = container === undefined ? null : at(container.pointer, container.segment);
      open.push({ pointer, names: token === "{" ? new Set() : null, segment: 0 });
    } else if (token === "}" || token === "]") {
      open.pop();
    } else if (container === undefined) {
      return null;
    } else if (token === ",") {
      if (typeof container.segment === "number") container.segment++;
    } else if (token === ":" && container.names !== null && pendingName !== null) {
      const name = JSON.parse(pendingName) as string;
      if (container.names.has(name)) return at(container.pointer, name);
      container.names.add(name);
      container.segment = name;
    }
    pendingName = token.startsWith('"') ? token : null;
  }
  return null;
}
