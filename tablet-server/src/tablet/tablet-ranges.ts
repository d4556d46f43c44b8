/** Where a tablet's data lies in its server's store. */
import type { KeyRange } from "@stele/shared/replication/state-machine.ts";
import { idempotencyBounds, retryBounds, rowBounds } from "../storage/key-layout.ts";
import { firstSpace, type TabletState } from "./tablet-state.ts";

/** The rows alone, in key order. */
export function rowRanges(state: TabletState): KeyRange[] {
  return state.spans.map(({ range, space }) => rowBounds(space, range));
}

/** The idempotency records beside the rows, in the order of the store. */
export function idempotencyRanges(state: TabletState): KeyRange[] {
  return state.spans
    .map(({ range, space }) => idempotencyBounds(space, range))
    .sort((a, b) => Buffer.compare(a.start, b.start));
}

/** Everything: rows, what lies beside them, and the retry records. */
export function tabletRanges(state: TabletState): KeyRange[] {
  return [
    ...rowRanges(state),
    ...state.spans.map(({ range, space }) => idempotencyBounds(space, range)),
    retryBounds(firstSpace(state), state.tabletId),
  ];
}
