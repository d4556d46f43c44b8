/**
 * What must hold before a row is written, judged on the row as it is: `ifMatch`, then `ifNoneMatch`, then
 * `absent` (docs/REST_API.md, "Conditions"; RFC 9110, section 13.2.2 gives the same order).
 */
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import type { Version } from "@stele/shared/ids.ts";
import type { Conditions } from "@stele/shared/row-operations.ts";
import { rowExists, versionMismatch } from "./refusals.ts";

/**
 * The refusal, or null when all conditions hold.
 *
 * @param version the row's version now; null: no row
 */
export function violatedCondition(
  conditions: Conditions,
  version: Version | null,
): DatabaseErrorBody | null {
  const { ifMatch, ifNoneMatch, absent } = conditions;
  if (ifMatch !== null && !matches(ifMatch, version)) {
    return versionMismatch(
      version === null
        ? "If-Match: there is no such row."
        : `If-Match: the row is in version ${version}.`,
      version,
    );
  }
  if (ifNoneMatch !== null && matches(ifNoneMatch, version)) {
    return versionMismatch(`If-None-Match: the row is in version ${version}.`, version);
  }
  if (absent && version !== null) return rowExists(version);
  return null;
}

function matches(wanted: "any" | readonly Version[], version: Version | null): boolean {
  if (version === null) return false;
  return wanted === "any" || wanted.includes(version);
}
