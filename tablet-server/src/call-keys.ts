/** The row keys that a call names, which must lie in its tablet; a scan names none, its range is cut to fit. */
import type { RowCall } from "@stele/shared/wire/row-calls.ts";

export function keysOf(call: RowCall): readonly Buffer[] {
  switch (call.kind) {
    case "write":
      return call.writes.map(({ write }) => write.key);
    case "read":
      return call.keys;
    case "scan":
      return [];
  }
}
