/**
 * Clients of one group: each register has one writer, which writes growing numbers, so that what a read may give
 * is known at every moment.
 */
import type { TabletId } from "../../ids.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";

const REGISTERS = ["a", "b", "c"];
/** A write whose outcome nobody tells within this time counts as unknown. */
const GIVE_UP_MS = 2_000;

interface Register {
  readonly name: string;
  attempted: number;
  acknowledged: number;
  busyUntilMs: number;
}

export class RegisterClients {
  readonly tablet: TabletId;
  readonly #cluster: SimulatedCluster;
  readonly #registers: readonly Register[];
  readonly #acknowledged: () => void;

  /** `acknowledged` is called in the moment in which a write is. */
  constructor(cluster: SimulatedCluster, tablet: TabletId, acknowledged: () => void) {
    this.#cluster = cluster;
    this.tablet = tablet;
    this.#acknowledged = acknowledged;
    this.#registers = REGISTERS.map((name) => {
      return { name, attempted: 0, acknowledged: 0, busyUntilMs: 0 };
    });
  }

  get acknowledgedWrites(): number {
    return this.#registers.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }

  write(): void {
    const { line, random, marks } = this.#cluster;
    for (const register of this.#registers) {
      const now = line.monotonicMs();
      if (register.busyUntilMs > now) continue;
      const leaders = this.#cluster.leaders(this.tablet);
      const leader = leaders[random.below(Math.max(1, leaders.length))];
      if (leader === undefined) return;
      const number = ++register.attempted;
      register.busyUntilMs = now + GIVE_UP_MS;
      const text = `${number} ${"x".repeat(random.below(600))}`;
      leader.write(register.name, text, ({ kind }) => {
        if (register.attempted === number) register.busyUntilMs = 0;
        marks.add(`write ${kind}`);
        if (kind !== "acknowledged") return;
        register.acknowledged = Math.max(register.acknowledged, number);
        this.#acknowledged();
      });
    }
  }

  read(): void {
    const { random, marks } = this.#cluster;
    const register = this.#registers[random.below(this.#registers.length)] as Register;
    const leaders = this.#cluster.leaders(this.tablet);
    const leader = leaders[random.below(Math.max(1, leaders.length))];
    if (leader === undefined) return;
    const atLeast = register.acknowledged;
    const onLease = leader.group.holdsLease();
    void leader.read(register.name).then((value) => {
      if (value === undefined) return;
      marks.add(onLease ? "read on a lease" : "read by a round");
      const number = value === null ? 0 : Number(value.split(" ")[0]);
      if (number >= atLeast && number <= register.attempted) return;
      const range = `[${atLeast}, ${register.attempted}]`;
      this.#cluster.violate(`${this.tablet}/${register.name} gave ${number}, not in ${range}`);
    });
  }
}
