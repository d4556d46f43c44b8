/**
 * Faults of real processes. A nemesis draws faults of its kind; a fault knows how to do its harm and how to end it.
 *
 * N1. Drawing is pure: the draws alone decide, so that a seed names its faults.
 * N2. No two faults under way share a victim; the network as a whole is one.
 * N3. heal() works whatever has become of its victims meanwhile, and need not wait for them to serve again.
 */
import type { Draws } from "@stele/shared/testing/draws.ts";
import type { ProxiedNetwork } from "../network/proxied-network.ts";

export const FAULT_KINDS = [
  "kill",
  "pause",
  "cut",
  "one-way",
  "slow",
  "reset",
  "full-disk",
  "wipe",
  "flip-log",
  "flip-store",
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

/** Names of the processes. */
export interface Roster {
  readonly masters: readonly string[];
  readonly tabletServers: readonly string[];
  readonly frontends: readonly string[];
}

/** The processes as faults see them. */
export interface Victims {
  /** Its death is no news until it is started again. */
  kill(id: string): Promise<void>;
  signal(id: string, signal: "SIGSTOP" | "SIGCONT"): Promise<void>;
  /** Starts it, after ending it if it runs; does not wait until it serves. */
  relaunch(id: string): Promise<void>;
  /** Ends it and removes its data. */
  wipe(id: string): Promise<void>;
  isRunning(id: string): boolean;
  pidOf(id: string): number;
  dataDirOf(id: string): string;
  /** From here on its death is no news, until it is relaunched. */
  expectDeath(id: string): void;
  /** REQUIRES: it runs. From here on its death is news again. */
  expectLife(id: string): void;
  /** Null: nobody tells. */
  leadingMaster(): Promise<string | null>;
}

export interface Scene {
  readonly victims: Victims;
  readonly network: ProxiedNetwork;
  /** Into the log of faults. */
  readonly note: (text: string) => void;
  readonly sleep: (ms: number) => Promise<void>;
  /** Every tablet's replicas have been read and compared; throws when they do not come to be equal in time. */
  readonly untilVerified: () => Promise<void>;
}

export interface Fault {
  readonly kind: FaultKind;
  /** For people. */
  readonly text: string;
  /** N2; NETWORK stands for all links. */
  readonly victims: readonly string[];
  readonly holdMs: number;
  /** Resolves when the harm is done. */
  inflict(scene: Scene): Promise<void>;
  /** N3. */
  heal(scene: Scene): Promise<void>;
}

export interface Nemesis {
  readonly kind: FaultKind;
  readonly strikes: "links" | "processes";
  /** Data is lost: it strikes a cluster that is whole, alone, and the cluster must be whole again before any other. */
  readonly damages: boolean;
  /** N1. */
  draw(draws: Draws, roster: Roster): Fault;
}

export const NETWORK = "network";

export function everyone({ masters, tabletServers, frontends }: Roster): string[] {
  return [...masters, ...tabletServers, ...frontends];
}
