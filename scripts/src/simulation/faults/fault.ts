/**
 * What may go wrong in a run: a list drawn from the seed before the run begins. Taking faults out of the list leaves
 * the others as they are, which is how a failing run is shrunk. A fault that finds nothing to act on does nothing.
 */
import type { NetworkFaults } from "@stele/shared/rpc/testing/memory-network.ts";
import type { ServerRole } from "@stele/shared/server-role.ts";

/** Which process: by name, or chosen when the time comes. */
export type FaultTarget =
  | { readonly kind: "process"; readonly name: string }
  /** The server of the leader of the nth group that has one; 0 is the catalog, tablets count round. */
  | { readonly kind: "leader"; readonly nth: number }
  /** The first one to be in the state, or at the step of its disk, that the trigger names. */
  | { readonly kind: "whoever" };

/** A step of the log's disk between two of which a process may die. */
export type CrashStep = "write" | "sync" | "create" | "rename" | "remove" | "sync-names";

export const CRASH_STEPS: readonly CrashStep[] = [
  "write",
  "sync",
  "create",
  "rename",
  "remove",
  "sync-names",
];

export type AwaitedState =
  /** It leads a group whose config is joint. */
  | "joint-config"
  /** A replica of it waits for its first snapshot. */
  | "awaiting-snapshot"
  /** It was started and does not serve yet. */
  | "recovering"
  /** A tablet has begun elsewhere, and its replica here has not yet. */
  | "replica-missing"
  /** A tablet server that may lose what its log has, where damage can be told from a torn tail. */
  | "damageable-log";

/** When, after `atMs`. */
export type FaultTrigger =
  | { readonly kind: "at-once" }
  /** Right before the target's process runs its nth next callback: any place where it awaits anything. */
  | { readonly kind: "event"; readonly nth: number }
  /** Right before the nth next such step of its log's disk. */
  | { readonly kind: "disk-step"; readonly step: CrashStep; readonly nth: number }
  /** When the nth next operation is acknowledged to a client. */
  | { readonly kind: "acknowledgement"; readonly nth: number }
  /**
   * Right before the nth callback of the target's process after it was found in the state; never, if it was not
   * within `patienceMs`.
   */
  | {
      readonly kind: "state";
      readonly state: AwaitedState;
      readonly nth: number;
      readonly patienceMs: number;
    };

/** How a cut divides the cluster, for the marks. */
export type CutShape = "pair" | "halves" | "bridge";

export type FaultAction =
  | { readonly kind: "crash"; readonly what: "process" | "power"; readonly downMs: number }
  | { readonly kind: "power-lost-everywhere"; readonly downMs: number }
  | { readonly kind: "pause"; readonly durationMs: number }
  /** It runs and stands still by turns. */
  | {
      readonly kind: "slow-process";
      readonly stillMs: number;
      readonly runMs: number;
      readonly durationMs: number;
    }
  /** Nothing passes from the ones to the others; with "both", neither way. */
  | {
      readonly kind: "cut";
      readonly shape: CutShape;
      readonly from: readonly string[];
      readonly to: readonly string[];
      readonly ways: "one" | "both";
      readonly durationMs: number;
    }
  /** Each process hears only its two neighbours in the ring. */
  | { readonly kind: "ring"; readonly order: readonly string[]; readonly durationMs: number }
  /** The target hears nobody ("in"), is heard by nobody ("out"), or both. */
  | {
      readonly kind: "isolated";
      readonly ways: "in" | "out" | "both";
      readonly durationMs: number;
    }
  | { readonly kind: "worse-network"; readonly faults: NetworkFaults; readonly durationMs: number }
  /** The nth next such step fails with EIO. */
  | { readonly kind: "log-step-fails"; readonly step: CrashStep; readonly nth: number }
  | { readonly kind: "log-disk-full"; readonly freeBytes: number; readonly durationMs: number }
  /** The next step of the log's disk takes so long. */
  | { readonly kind: "log-disk-stalls"; readonly durationMs: number }
  | { readonly kind: "store-write-fails" }
  /** The store's next flush takes so much longer, and what must wait for it waits; or whatever is asked of it waits. */
  | {
      readonly kind: "store-stalls";
      readonly what: "flush" | "everything";
      readonly durationMs: number;
    }
  /** `place` is taken modulo what there is; null: it does not crash, and finds out when it may. */
  | {
      readonly kind: "bit-flipped-in-log";
      readonly place: number;
      readonly bit: number;
      readonly crashAfterMs: number | null;
    }
  /** A sector of the log holds what was meant for another place. */
  | {
      readonly kind: "sector-misplaced-in-log";
      readonly place: number;
      readonly crashAfterMs: number | null;
    }
  /** In the host's own records, or in a tablet's rows. */
  | {
      readonly kind: "bit-flipped-in-store";
      readonly of: "host" | "rows";
      readonly crashAfterMs: number | null;
    }
  | { readonly kind: "disk-wiped"; readonly downMs: number }
  | { readonly kind: "clock-drifts"; readonly rate: number; readonly durationMs: number }
  | { readonly kind: "wall-clock-jumps"; readonly byMs: number }
  /**
   * The leader hands over; a while later it may find itself cut off. Its store may have halted before, so that reads
   * of its leadership are answered when that is over.
   */
  | {
      readonly kind: "leadership-moved";
      readonly storeHalt: { readonly forMs: number; readonly movedAfterMs: number } | null;
      readonly isolatedAfterMs: number | null;
    }
  /** A server is asked to create a replica that was destroyed there. */
  | { readonly kind: "creation-comes-late" }
  | ScenarioAction;

/** A fault of several steps, which must meet each other in order (scenario-stage.ts). */
export type ScenarioAction =
  /**
   * The leader hears no other replica, its clients go on writing there; when another is elected, that one goes down a
   * while later, and the old leader is back with a log of its own.
   */
  | {
      readonly kind: "leaders-lost-in-turn";
      readonly afterMs: number;
      readonly downMs: number;
      /** Of the old leader's solitude, at most. */
      readonly durationMs: number;
    }
  /**
   * The same, but that whoever campaigns is cut off behind its requests for votes: nobody but itself ever has the
   * entry that opened its term.
   */
  | {
      readonly kind: "leader-lost-unheard";
      readonly afterMs: number;
      readonly downMs: number;
      readonly durationMs: number;
    }
  /**
   * One follower hears the leader no more, long enough to campaign. Then the others are started again, and none of
   * them hears the leader either, which may hold a lease still.
   */
  | {
      readonly kind: "voters-restart-in-lease";
      readonly afterMs: number;
      readonly downMs: number;
      readonly durationMs: number;
    }
  | {
      readonly kind: "leader-cut-off-with-frontend";
      readonly frontend: string;
      /** It stands still for so long first, and finds what its clients sent meanwhile; 0: it goes on. */
      readonly pausedMs: number;
      readonly durationMs: number;
    }
  /** What is sent meanwhile arrives so much later; what is sent after it overtakes it. */
  | {
      readonly kind: "late-messages";
      readonly from: ServerRole;
      readonly to: ServerRole;
      readonly byMs: number;
      readonly durationMs: number;
    }
  /**
   * A server loses its disk. While its replicas are replaced, masters take over from each other, and the last steps of
   * the one before are under way for so long.
   */
  | {
      readonly kind: "masters-take-turns";
      readonly byMs: number;
      readonly lateForMs: number;
      readonly durationMs: number;
    }
  /** Requests of front-ends that are under way for so long when their connections break, again and again. */
  | {
      readonly kind: "late-requests-overtaken";
      readonly byMs: number;
      readonly everyMs: number;
      readonly durationMs: number;
    }
  /**
   * Of one front-end: what it sends for a while is late, and its connections break. What it sends again is answered;
   * then it is not heard until all of that has come, while the others write. Again and again.
   */
  | {
      readonly kind: "strays-behind-answers";
      readonly frontend: string;
      readonly heldMs: number;
      /** Until it is not heard any more. */
      readonly answeredMs: number;
      /** Of what is held; longer than both. */
      readonly byMs: number;
      readonly durationMs: number;
    }
  | {
      readonly kind: "answers-lost-in-restart";
      readonly afterMs: number;
      readonly downMs: number;
    }
  | {
      readonly kind: "answers-lost-to-laggard";
      readonly behindMs: number;
      /** The last so much of it. */
      readonly lostMs: number;
      readonly caughtUpMs: number;
      readonly durationMs: number;
    }
  | {
      readonly kind: "leader-away-and-back";
      readonly byMs: number;
      readonly lateForMs: number;
    }
  | {
      readonly kind: "back-when-replaced";
      readonly patienceMs: number;
      /** What happens to the leader when it is back: to be cut off for so long, or to get its steps so late. */
      readonly leader:
        | { readonly kind: "cut-off"; readonly forMs: number }
        | { readonly kind: "late-steps"; readonly byMs: number; readonly lateForMs: number };
    };

export type FaultKind = FaultAction["kind"];

export type ActionOf<Kind extends FaultKind> = Extract<FaultAction, { kind: Kind }>;

export interface Fault {
  /** Unique in the list. */
  readonly id: number;
  /** After the cluster is up. */
  readonly atMs: number;
  readonly target: FaultTarget;
  readonly trigger: FaultTrigger;
  readonly action: FaultAction;
}

/** The fault in one line: when, whom, what. */
export function faultText({ id, atMs, target, trigger, action }: Fault): string {
  const { kind, ...details } = action;
  return `#${id} at ${atMs} ms, ${targetText(target)}${triggerText(trigger)}: ${kind}${fieldsText(details)}`;
}

function targetText(target: FaultTarget): string {
  switch (target.kind) {
    case "process":
      return target.name;
    case "leader":
      return target.nth === 0 ? "leader of the catalog" : `leader of tablet group ${target.nth}`;
    case "whoever":
      return "whoever";
  }
}

function triggerText(trigger: FaultTrigger): string {
  switch (trigger.kind) {
    case "at-once":
      return "";
    case "event":
      return `, before its callback ${trigger.nth}`;
    case "disk-step":
      return `, before ${trigger.step} ${trigger.nth} of its log`;
    case "acknowledgement":
      return `, at acknowledgement ${trigger.nth}`;
    case "state":
      return `, ${trigger.nth} callbacks into "${trigger.state}" (within ${trigger.patienceMs} ms)`;
  }
}

function fieldsText(fields: object): string {
  const text = Object.entries(fields).map(([name, value]) => ` ${name}=${valueText(value)}`);
  return text.join("");
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.join(",");
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}
