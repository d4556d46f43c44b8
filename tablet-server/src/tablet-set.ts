/**
 * The tablets of one server: makes their state machines for the replication host, and hands them out by id.
 */
import { CATALOG_GROUP, type ReplicaId, type SpaceId, type TabletId } from "@stele/shared/ids.ts";
import type {
  KeyRange,
  MachineGroup,
  StateMachine,
  StateMachineFactory,
} from "@stele/shared/replication/state-machine.ts";
import { assert } from "@stele/shared/assert.ts";
import { keyInSpace, relativeKey } from "./storage/key-layout.ts";
import { checkEntry } from "./tablet/check-entry.ts";
import { tabletRanges } from "./tablet/tablet-ranges.ts";
import { decodeTabletState, encodeTabletState } from "./tablet/tablet-state.ts";
import { Tablet, type TabletParts } from "./tablet/tablet.ts";
import type { Verifications } from "./tablet/verifications.ts";

export class TabletSet implements StateMachineFactory {
  readonly #parts: TabletParts;
  readonly #tablets = new Map<TabletId, Tablet>();

  constructor(parts: TabletParts) {
    this.#parts = parts;
  }

  /** The tablet's newest machine; after a snapshot the one before is not served any more. */
  tablet(id: TabletId): Tablet | null {
    return this.#tablets.get(id) ?? null;
  }

  /** Where every tablet here puts its hashes. */
  get verifications(): Verifications {
    return this.#parts.verifications;
  }

  tablets(): Iterable<Tablet> {
    return this.#tablets.values();
  }

  /** Replicas of the tablet up to `replica` were destroyed. */
  forget(id: TabletId, replica: ReplicaId): void {
    const tablet = this.#tablets.get(id);
    if (tablet !== undefined && tablet.group.replicaId <= replica) this.#tablets.delete(id);
  }

  create(group: MachineGroup): StateMachine {
    assert(group.tabletId !== CATALOG_GROUP, "the catalog lives on masters");
    const tablet = new Tablet(group, this.#parts);
    this.#tablets.set(group.tabletId, tablet);
    return tablet;
  }

  relativeKey(storeKey: Buffer): Buffer {
    return relativeKey(storeKey);
  }

  checkEntry(relative: Buffer, value: Buffer): void {
    checkEntry(relative, value);
  }

  storeKey(space: SpaceId, relative: Buffer): Buffer {
    return keyInSpace(space, relative);
  }

  stateAfterSnapshot(state: Buffer, space: SpaceId): Buffer {
    const sent = decodeTabletState(state);
    return encodeTabletState({ ...sent, spans: [{ range: sent.range, space }] });
  }

  rangesOf(state: Buffer): readonly KeyRange[] {
    return tabletRanges(decodeTabletState(state));
  }
}
