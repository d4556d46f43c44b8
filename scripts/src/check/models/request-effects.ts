/**
 * The effects that requests had on a row so far, as text, so that equal effects are equal texts: by
 * `AttemptOperation.request` one character that tells what the row was left as.
 */
import type { AttemptOperation } from "../history/row-operation.ts";

export type RequestEffects = string;

export const NO_EFFECTS: RequestEffects = "";

/** What a request left: a row of some version (null: nobody was told which), or no row. */
export type Left = { readonly version: number | null } | "no-row";

const NONE = "-";
const NO_ROW = "0";
const UNTOLD = "?";
const FIRST_TOLD = "A".charCodeAt(0);

export function hasEffect(effects: RequestEffects, { request }: AttemptOperation): boolean {
  return (effects[request] ?? NONE) !== NONE;
}

/** An effect that nobody was told is no other attempt's answer. */
export function isEffect(effects: RequestEffects, attempt: AttemptOperation, left: Left): boolean {
  return effects[attempt.request] === markOf(attempt, left);
}

export function withEffect(
  effects: RequestEffects,
  attempt: AttemptOperation,
  left: Left,
): RequestEffects {
  const { request } = attempt;
  const before = effects.slice(0, request).padEnd(request, NONE);
  return before + markOf(attempt, left) + effects.slice(request + 1);
}

function markOf({ versions }: AttemptOperation, left: Left): string {
  if (left === "no-row") return NO_ROW;
  if (left.version === null) return UNTOLD;
  return String.fromCharCode(FIRST_TOLD + versions.indexOf(left.version));
}
