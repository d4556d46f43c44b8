/** Filters do not exist yet; who sends one is told so, not that the member is unknown. */
import { at, invalidBody } from "./invalid-input.ts";
import type { Pointer } from "./invalid-input.ts";

export function refuseFilter(body: Readonly<Record<string, unknown>>, pointer: Pointer): void {
  if (body.filter === undefined) return;
  throw invalidBody(at(pointer, "filter"), "filters do not exist yet");
}
