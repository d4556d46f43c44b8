// How many servers a start brings up: what was asked for, checked against what the directory holds.
import { LIMITS } from "./cluster-layout.ts";
import type { ClusterShape } from "./cluster-layout.ts";
import { LaunchError } from "./launch-error.ts";

/** Absent: as before, or the default at the first start. */
export interface RequestedShape {
  readonly masters?: number | undefined;
  readonly tabletServers?: number | undefined;
  readonly frontends?: number | undefined;
}

const defaults: ClusterShape = { masters: 3, tabletServers: 3, frontends: 1 };

/** `before` is null at the first start. Throws `LaunchError` for counts that cannot be. */
export function resolveShape(requested: RequestedShape, before: ClusterShape | null): ClusterShape {
  const known = before ?? defaults;
  const shape: ClusterShape = {
    masters: requested.masters ?? known.masters,
    tabletServers: requested.tabletServers ?? known.tabletServers,
    frontends: requested.frontends ?? known.frontends,
  };
  if (![1, 3, 5].includes(shape.masters)) refuse(`--masters is 1, 3 or 5, not ${shape.masters}`);
  checkCount("--tablet-servers", shape.tabletServers, LIMITS.tabletServers);
  checkCount("--frontends", shape.frontends, LIMITS.frontends);
  if (before !== null && shape.masters !== before.masters) {
    refuse(
      `this data directory holds a cluster with --masters ${before.masters}; the number of masters ` +
        "cannot change.\n  Start with that number, or choose another --data-dir.",
    );
  }
  if (before !== null && shape.tabletServers < before.tabletServers) {
    refuse(
      `this data directory holds a cluster with --tablet-servers ${before.tabletServers}; starting ` +
        "fewer would leave replicas behind.\n  Start with at least that number.",
    );
  }
  return shape;
}

function checkCount(flag: string, count: number, limit: number): void {
  if (!Number.isSafeInteger(count) || count < 1 || count > limit) {
    refuse(`${flag} is a number from 1 to ${limit}, not ${count}`);
  }
}

function refuse(message: string): never {
  throw new LaunchError(message, 2);
}
