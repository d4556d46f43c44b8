/**
 * What a store holds that belongs to nobody. At rest every key is the host's own record of a replica that is there, of
 * a tombstone or a counter, or lies in the ranges of such a replica: garbage is cleared, and nothing else is left of
 * replicas that are gone (space-ledger.ts, G2), or the disk fills up and nobody notices.
 *
 * Cheap: of the data only lengths are compared, unless they tell that something is left. Throws `DamagedValueError`.
 */
import type { OrderedTree } from "@stele/shared/checkpoint-store/testing/ordered-tree.ts";
import { tabletId, type ReplicaId, type TabletId } from "@stele/shared/ids.ts";
import {
  APPLIED_STATE,
  GARBAGE,
  hostKeyRange,
  LOG_STATE,
  MACHINE_KEYS,
  numberOfHostKey,
  SUSPECT,
} from "@stele/shared/replication/host-keys.ts";
import type { KeyRange, StateMachineFactory } from "@stele/shared/replication/state-machine.ts";
import { StoredRecords } from "./stored-records.ts";

/** `present`: the replica of the tablet that is there, healthy or not. Null: nothing is left over. */
export function leftoverOf(
  tree: OrderedTree,
  factory: Pick<StateMachineFactory, "rangesOf">,
  present: (tablet: TabletId) => ReplicaId | null,
): string | null {
  const garbage = keysOf(tree, hostKeyRange(GARBAGE)).length;
  if (garbage > 0) return `garbage is not cleared: ${garbage} on the list`;
  const records = new StoredRecords(tree);
  return leftoverRecord(tree, records, present) ?? leftoverData(tree, rangesIn(records, factory));
}

function leftoverRecord(
  tree: OrderedTree,
  records: StoredRecords,
  present: (tablet: TabletId) => ReplicaId | null,
): string | null {
  const kinds = [
    [APPLIED_STATE, "state", (tablet: TabletId) => records.appliedState(tablet)?.replicaId],
    [LOG_STATE, "log", (tablet: TabletId) => records.logState(tablet)?.replicaId],
    [SUSPECT, "mark as a suspect", (tablet: TabletId) => records.suspect(tablet)],
  ] as const;
  for (const [kind, what, replicaIn] of kinds) {
    for (const key of keysOf(tree, hostKeyRange(kind))) {
      const tablet = tabletId(numberOfHostKey(key));
      const replica = replicaIn(tablet);
      if (replica !== present(tablet)) {
        return `the ${what} of replica ${replica} of tablet ${tablet}, which is gone, is left`;
      }
    }
  }
  return null;
}

function leftoverData(tree: OrderedTree, ranges: readonly KeyRange[]): string | null {
  const bytesIn = ({ start, end }: KeyRange): number => tree.bytesIn(start, end);
  const owned = ranges.reduce((bytes, range) => bytes + bytesIn(range), 0);
  const left = bytesIn(MACHINE_KEYS) - owned;
  if (left === 0) return null;
  const isOwned = (key: Buffer): boolean =>
    ranges.some(({ start, end }) => start.compare(key) <= 0 && key.compare(end) < 0);
  const key = keysOf(tree, MACHINE_KEYS).find((each) => !isOwned(each));
  if (key === undefined) return `ranges of replicas overlap, by ${-left} bytes`;
  return `${left} bytes belong to no replica, from key ${key.toString("hex")} on`;
}

function rangesIn(
  records: StoredRecords,
  factory: Pick<StateMachineFactory, "rangesOf">,
): KeyRange[] {
  return records.appliedStates().flatMap(([tablet]) => {
    const machineState = records.appliedState(tablet)?.machineState ?? null;
    return machineState === null ? [] : factory.rangesOf(machineState);
  });
}

function keysOf(tree: OrderedTree, range: KeyRange): Buffer[] {
  const keys: Buffer[] = [];
  tree.scan({ ...range, reverse: false }, (key) => keys.push(key) > 0);
  return keys;
}
