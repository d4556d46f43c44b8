/**
 * The network between the servers of a cluster, run through proxies: one listener for each server, under whose address
 * the others know it. Whoever connects is told apart, so that each ordered pair of processes has its own passage,
 * whichever of the two opened the connection.
 *
 * N1. Bytes from one server to another pass as `passage(from, to)` says now, on every connection between them.
 * N2. A caller that cannot be told (another system than Linux, a process that ended at once) meets the worst passage
 *     of its callee.
 */
import { createServer, connect } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { must } from "@stele/shared/assert.ts";
import { canTellOwners, ownersOfPorts } from "./connection-owner.ts";
import type { KnownProcess } from "./connection-owner.ts";
import { OPEN } from "./passage.ts";
import type { Passage } from "./passage.ts";
import { ProxiedConnection } from "./proxied-connection.ts";

const HOST = "127.0.0.1";

export interface NetworkParts {
  /** Where a server really listens, asked for at every connection. */
  readonly portOf: (id: string) => number;
  /** Those that may connect. */
  readonly processes: () => readonly KnownProcess[];
}

interface Held {
  readonly caller: Socket;
  /** Null: it could not be told so far. */
  from: string | null;
  readonly to: string;
  readonly connection: ProxiedConnection;
}

type Arrival = Pick<Held, "caller" | "to">;

export class ProxiedNetwork implements AsyncDisposable {
  readonly #parts: NetworkParts;
  readonly #listeners = new Map<string, Server>();
  readonly #passages = new Map<string, Passage>();
  readonly #connections = new Set<Held>();
  #arrivals: Arrival[] = [];

  private constructor(parts: NetworkParts) {
    this.#parts = parts;
  }

  static async open(ids: readonly string[], parts: NetworkParts): Promise<ProxiedNetwork> {
    const network = new ProxiedNetwork(parts);
    await Promise.all(ids.map((id) => network.#listen(id)));
    return network;
  }

  /** Under which a server is known to the others. */
  url(id: string): string {
    const listener = must(this.#listeners.get(id), "every server has a proxy");
    return `http://${HOST}:${(listener.address() as AddressInfo).port}`;
  }

  /** N1. */
  setPassage(from: string, to: string, passage: Passage): void {
    if (passage.kind === "open") this.#passages.delete(pairOf(from, to));
    else this.#passages.set(pairOf(from, to), passage);
    this.#tellCallers();
    for (const held of this.#connections) held.connection.pass(this.#passagesOf(held));
  }

  /** Resets every connection between the two; returns how many. */
  reset(a: string, b: string): number {
    this.#tellCallers();
    const between = [...this.#connections].filter(
      ({ from, to }) => (from === a && to === b) || (from === b && to === a),
    );
    for (const { connection } of between) connection.reset();
    return between.length;
  }

  healAll(): void {
    this.#passages.clear();
    for (const { connection } of this.#connections) connection.pass({ there: OPEN, back: OPEN });
  }

  /** Open connections, and how many of them have a caller that is known. */
  count(): { readonly open: number; readonly told: number } {
    const told = [...this.#connections].filter(({ from }) => from !== null).length;
    return { open: this.#connections.size, told };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = [...this.#listeners.values()].map(
      (listener) => new Promise((resolve) => listener.close(resolve)),
    );
    for (const { caller } of this.#arrivals) caller.destroy();
    for (const { connection } of this.#connections) connection.reset();
    await Promise.all(closed);
  }

  #listen(id: string): Promise<void> {
    const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    listener.on("connection", (caller) => this.#arrived({ caller, to: id }));
    this.#listeners.set(id, listener);
    return new Promise((resolve, reject) => {
      listener.once("error", reject);
      listener.listen(0, HOST, resolve);
    });
  }

  /** Looking up callers costs a walk over all open files: those of one turn share it. */
  #arrived(arrival: Arrival): void {
    arrival.caller.on("error", () => {});
    this.#arrivals.push(arrival);
    if (this.#arrivals.length === 1) setImmediate(() => this.#connectArrivals());
  }

  #connectArrivals(): void {
    const arrivals = this.#arrivals;
    this.#arrivals = [];
    const owners = this.#ownersOf(arrivals);
    for (const arrival of arrivals) this.#connect(arrival, owners.get(portOf(arrival)) ?? null);
  }

  /** Those that could not be told when they came, as while a cluster starts. */
  #tellCallers(): void {
    const untold = [...this.#connections].filter(({ from }) => from === null);
    if (untold.length === 0) return;
    const owners = this.#ownersOf(untold);
    for (const held of untold) held.from = owners.get(portOf(held)) ?? null;
  }

  #ownersOf(arrivals: readonly Arrival[]): ReadonlyMap<number, string> {
    if (!canTellOwners()) return new Map();
    return ownersOfPorts(new Set(arrivals.map(portOf)), this.#parts.processes());
  }

  #connect({ caller, to }: Arrival, from: string | null): void {
    const called = connect({ port: this.#parts.portOf(to), host: HOST, allowHalfOpen: true });
    for (const socket of [caller, called]) socket.setNoDelay(true);
    called.on("error", () => {});
    const connection = new ProxiedConnection(caller, called, this.#passagesOf({ from, to }));
    const held: Held = { caller, from, to, connection };
    this.#connections.add(held);
    const ended = (): void => {
      if (caller.destroyed && called.destroyed) this.#connections.delete(held);
    };
    caller.on("close", ended);
    called.on("close", ended);
  }

  #passagesOf({ from, to }: { from: string | null; to: string }): {
    there: Passage;
    back: Passage;
  } {
    return { there: this.#passage(from, to), back: this.#passage(to, from) };
  }

  /** N2. */
  #passage(from: string | null, to: string | null): Passage {
    if (from !== null && to !== null) return this.#passages.get(pairOf(from, to)) ?? OPEN;
    for (const [pair, passage] of this.#passages) {
      const [pairFrom, pairTo] = pair.split(" ");
      if (pairFrom === from || pairTo === to) return passage;
    }
    return OPEN;
  }
}

function portOf({ caller }: Arrival): number {
  return caller.remotePort ?? 0;
}

function pairOf(from: string, to: string): string {
  return `${from} ${to}`;
}
