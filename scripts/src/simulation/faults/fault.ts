/**
 * What may go wrong in a run: a list drawn from the seed before the run begins. Taking faults out of the list leaves
 * the others as they are, which is how a failing run is shrunk. A fault that finds nothing to act on does nothing.
 */
import type { NetworkFaults } from "@stele/shared/rpc/testing/memory-network.ts";

/** Which process: by name, or chosen when the time comes. */
export type FaultTarget =
  | { readonly kind: "process"; readonly name: string }
  /** The server of the leader of the nth group that has one (the catalog is group 0). */
  | { readonly kind: "leader"; readonly nth: number };

/** When, after `atMs`. */
export type FaultTrigger =
  | { readonly kind: "at-once" }
  /** Right before the target's process runs its nth next callback: any place where it awaits anything. */
  | { readonly kind: "event"; readonly nth: number }
  /** Right before the nth next such step of its log's disk. */
  | {
      readonly kind: "disk-step";
      readonly step: "write" | "sync" | "create" | "rename" | "remove" | "sync-names";
      readonly nth: number;
    }
  /** When the target is in the state, or at the latest after `patienceMs`: never mind. */
  | {
      readonly kind: "state";
      readonly state:
        | "joint-config"
        | "installing-snapshot"
        | "transferring"
        | "recovering"
        | "checkpointing";
      readonly patienceMs: number;
    };

export type FaultAction =
  | { readonly kind: "crash"; readonly what: "process" | "power"; readonly downMs: number }
  | { readonly kind: "power-lost-everywhere"; readonly downMs: number }
  | { readonly kind: "pause"; readonly durationMs: number }
  | {
      readonly kind: "cut";
      readonly from: readonly string[];
      readonly to: readonly string[];
      readonly ways: "one" | "both";
      readonly durationMs: number;
    }
  | { readonly kind: "worse-network"; readonly faults: NetworkFaults; readonly durationMs: number }
  | {
      readonly kind: "log-step-fails";
      readonly step: "write" | "sync" | "create" | "rename" | "remove" | "sync-names";
      readonly nth: number;
    }
  | { readonly kind: "log-disk-full"; readonly freeBytes: number; readonly durationMs: number }
  | { readonly kind: "log-disk-stalls"; readonly durationMs: number }
  | { readonly kind: "store-write-fails" }
  | { readonly kind: "bit-flipped-in-log"; readonly place: number; readonly bit: number }
  | { readonly kind: "bit-flipped-in-store"; readonly of: "host" | "rows" }
  | { readonly kind: "disk-wiped"; readonly downMs: number }
  | { readonly kind: "clock-drifts"; readonly rate: number; readonly durationMs: number }
  | { readonly kind: "wall-clock-jumps"; readonly byMs: number }
  | { readonly kind: "leadership-moved" };

export interface Fault {
  /** Unique in the list. */
  readonly id: number;
  /** After the cluster is up. */
  readonly atMs: number;
  readonly target: FaultTarget;
  readonly trigger: FaultTrigger;
  readonly action: FaultAction;
}
