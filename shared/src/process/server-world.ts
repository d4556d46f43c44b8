/**
 * Everything of the outside world that a server is made over: time, chance, network, disks, its own small files.
 * `system-world.adapter.ts` is the real one; the simulator has another, so that both run the same servers.
 *
 * W1. What is kept with `setClusterId`, `setContentsAside`, `DurableDocument.write` and `DurableAddressBook.merge`
 *     is durable when their promises resolve.
 */
import type { CheckpointStore } from "../checkpoint-store/checkpoint-store.ts";
import type { Clock } from "../clock.ts";
import type { LogDirectory } from "../commit-log/disk.ts";
import type { Log } from "../log.ts";
import type { Random } from "../random.ts";
import type { HostParts } from "../replication/host-parts.ts";
import type { ReplicaHost } from "../replication/replica-host.ts";
import type { Exchange, ExchangeHandler } from "../rpc/exchange.ts";
import type { FrameStreams, StreamHandler } from "../rpc/frame-stream.ts";
import type { RouteHandler, RpcRoute } from "../rpc/rpc-route.ts";
import type { ZodType } from "zod";
import type { DurableAddressBook } from "./address-book.ts";
import type { Identity } from "./identity.ts";

/** A server's own place: who it is, and what makes its contents its. */
export interface OwnDirectory {
  readonly identity: Identity;
  /** Whether nothing was here before this start. */
  readonly isNew: boolean;
  setClusterId(clusterId: string): Promise<void>;
  /** See `DataDirectory.setContentsAside`. */
  setContentsAside(): Promise<string>;
}

/** A small document that is replaced as a whole. */
export interface DurableDocument<T> {
  /** Null: there is none yet. */
  read(): Promise<T | null>;
  write(document: T): Promise<void>;
}

/** What every process of a cluster has, front-ends included. */
export interface MemberWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly directory: OwnDirectory;
  readonly addresses: DurableAddressBook;
  readonly exchange: Exchange;
  /** Ends the process; the reason is a sentence for the operator. */
  readonly failed: (reason: string, error: unknown) => void;
}

/** What processes with replicas have beside. */
export interface ServerWorld extends MemberWorld {
  readonly streams: FrameStreams;
  openLogDirectory(): LogDirectory;
  /** Rejects with `StoreRefusedError`. `mustExist`: one that is missing is refused, not made. */
  openStore(options: { readonly mustExist: boolean }): Promise<CheckpointStore>;
  /** `ReplicaHost.open`; whoever makes the world may watch what passes between a host and its parts. */
  openReplicas(parts: HostParts): Promise<ReplicaHost>;
  document<T>(name: "forming.json", schema: ZodType<T>): DurableDocument<T>;
  /** Serves what the service registers, at the server's own address. */
  listen(service: InternalService): Promise<Listening>;
  /** Lets another process open the directory; the network's calling ends are closed. */
  close(): Promise<void>;
}

/** What a server answers on the internal network. */
export interface InternalService {
  readonly register: (routes: ServiceRoutes) => void;
  /** Null: ready; else why not. */
  readonly unreadyReason: () => string | null;
  /** In the text format of Prometheus. */
  readonly metrics: () => string | Promise<string>;
}

export interface ServiceRoutes {
  /** A path of the data path: bodies as they are. */
  exchange(path: string, handler: ExchangeHandler): void;
  stream(path: `/internal/${string}`, handler: StreamHandler): void;
  route<Route extends RpcRoute>(route: Route, handler: RouteHandler<Route>): void;
}

export interface Listening {
  /** No new requests; what is under way may finish within `graceMs`. */
  close(graceMs: number): Promise<void>;
}
