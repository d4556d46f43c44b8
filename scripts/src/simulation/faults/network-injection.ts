/**
 * Cuts and bad networks, which may overlap: a link passes messages when no cut that holds it is left, and the network
 * is as bad as the last of those that still last made it.
 */
import { CATALOG_GROUP } from "@stele/shared/ids.ts";
import type { NetworkFaults } from "@stele/shared/rpc/testing/memory-network.ts";
import type { SimulatedProcess } from "../cluster/simulated-process.ts";
import type { ActionOf } from "./fault.ts";
import type { Effect, InjectionContext } from "./injection-context.ts";
import { replicasOf } from "./replicas.ts";

interface Link {
  readonly from: string;
  readonly to: string;
}

export class NetworkInjection {
  readonly #context: InjectionContext;
  readonly #urls: ReadonlyMap<string, string>;
  /** As the cluster was given it. */
  readonly #usual: NetworkFaults;
  #worse: readonly NetworkFaults[] = [];
  /** Links by how many cuts hold them. */
  readonly #holds = new Map<string, number>();

  constructor(context: InjectionContext) {
    this.#context = context;
    this.#urls = new Map(context.cluster.processes.map(({ name, url }) => [name, url]));
    this.#usual = context.cluster.network.faults;
  }

  worsen({ faults }: ActionOf<"worse-network">): Effect {
    this.#worse = [...this.#worse, faults];
    this.#use();
    return {
      undo: () => {
        this.#worse = this.#worse.filter((each) => each !== faults);
        this.#use();
      },
    };
  }

  /** Between all of the ones and all of the others, by name. */
  cutLinks(from: readonly string[], to: readonly string[], ways: "one" | "both"): Effect {
    return this.#hold(linksBetween(from, to, ways));
  }

  /** What the ones send to the others takes so much longer. */
  late(from: readonly string[], to: readonly string[], byMs: number): Effect {
    const { network } = this.#context.cluster;
    const links = this.#urlsOf(linksBetween(from, to, "one"));
    for (const { fromUrl, toUrl } of links) network.delay(fromUrl, toUrl, byMs);
    return {
      undo: once(() => {
        for (const { fromUrl, toUrl } of links) network.delay(fromUrl, toUrl, -byMs);
      }),
    };
  }

  /** As the ones see it: what they have sent to the others may arrive all the same. */
  breakConnections(from: readonly string[], to: readonly string[]): void {
    const { network } = this.#context.cluster;
    for (const { fromUrl, toUrl } of this.#urlsOf(linksBetween(from, to, "one"))) {
      network.breakConnections(fromUrl, toUrl);
    }
  }

  cut({ shape, from, to, ways }: ActionOf<"cut">): Effect {
    const { marks } = this.#context;
    if (shape === "bridge") marks.add("bridge partition");
    if (shape === "halves") marks.add("cluster cut in two");
    if (ways === "one") marks.add("one-way cut");
    return this.#hold(linksBetween(from, to, ways));
  }

  ring({ order }: ActionOf<"ring">): Effect {
    this.#context.marks.add("ring partition");
    const links: Link[] = [];
    for (const [at, from] of order.entries()) {
      for (const [other, to] of order.entries()) {
        const distance = Math.abs(at - other);
        if (distance > 1 && distance < order.length - 1) links.push({ from, to });
      }
    }
    return this.#hold(links);
  }

  isolate(process: SimulatedProcess, ways: "in" | "out" | "both"): Effect {
    const { cluster, marks } = this.#context;
    const led = replicasOf(process).filter(({ raft }) => raft.role === "leader");
    if (led.some(({ tabletId }) => tabletId === CATALOG_GROUP)) marks.add("catalog leader cut off");
    if (led.some(({ tabletId }) => tabletId !== CATALOG_GROUP)) marks.add("tablet leader cut off");
    const { name } = process;
    const others = cluster.processes.flatMap((other) => (other === process ? [] : [other.name]));
    if (ways === "in") return this.#hold(linksBetween(others, [name], "one"));
    return this.#hold(linksBetween([name], others, ways === "out" ? "one" : "both"));
  }

  #use(): void {
    this.#context.cluster.network.faults = this.#worse.at(-1) ?? this.#usual;
  }

  #hold(links: readonly Link[]): Effect {
    const { network } = this.#context.cluster;
    const held = this.#urlsOf(links);
    if (held.length === 0) return null;
    for (const { fromUrl, toUrl } of held) {
      this.#count(fromUrl, toUrl, 1);
      network.block(fromUrl, toUrl);
    }
    return {
      undo: once(() => {
        for (const { fromUrl, toUrl } of held) {
          if (this.#count(fromUrl, toUrl, -1) === 0) network.unblock(fromUrl, toUrl);
        }
      }),
    };
  }

  #urlsOf(links: readonly Link[]): { readonly fromUrl: string; readonly toUrl: string }[] {
    return links.flatMap(({ from, to }) => {
      const [fromUrl, toUrl] = [this.#urls.get(from), this.#urls.get(to)];
      return fromUrl === undefined || toUrl === undefined ? [] : [{ fromUrl, toUrl }];
    });
  }

  #count(fromUrl: string, toUrl: string, by: 1 | -1): number {
    const link = `${fromUrl} ${toUrl}`;
    const holds = (this.#holds.get(link) ?? 0) + by;
    this.#holds.set(link, holds);
    return holds;
  }
}

function once(act: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) act();
    isDone = true;
  };
}

function linksBetween(
  from: readonly string[],
  to: readonly string[],
  ways: "one" | "both",
): Link[] {
  const there = from.flatMap((one) => to.map((other) => ({ from: one, to: other })));
  if (ways === "one") return there;
  return [...there, ...there.map((link) => ({ from: link.to, to: link.from }))];
}
