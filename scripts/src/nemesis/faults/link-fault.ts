/** A fault of links: ordered pairs of processes whose bytes pass otherwise for a while. */
import type { Passage } from "../network/passage.ts";
import { NETWORK } from "./fault.ts";
import type { Fault, FaultKind } from "./fault.ts";

export interface Link {
  readonly from: string;
  readonly to: string;
}

export interface LinkFault {
  readonly kind: FaultKind;
  readonly text: string;
  readonly links: readonly Link[];
  readonly passage: Passage;
  readonly holdMs: number;
}

export function linkFault({ kind, text, links, passage, holdMs }: LinkFault): Fault {
  const pass = (scene: Parameters<Fault["heal"]>[0], as: Passage): Promise<void> => {
    for (const { from, to } of links) scene.network.setPassage(from, to, as);
    return Promise.resolve();
  };
  return {
    kind,
    text,
    victims: [NETWORK],
    holdMs,
    inflict: (scene) => pass(scene, passage),
    heal: (scene) => pass(scene, { kind: "open" }),
  };
}

/** From every process of the one side to every one of the other. */
export function linksBetween(side: readonly string[], other: readonly string[]): Link[] {
  return side.flatMap((from) => other.flatMap((to) => (from === to ? [] : [{ from, to }])));
}

export function bothWays(links: readonly Link[]): Link[] {
  return [...links, ...links.map(({ from, to }) => ({ from: to, to: from }))];
}
