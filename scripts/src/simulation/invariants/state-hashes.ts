/**
 * Replicas that have applied the same entries hold the same: the state of their machine, with the spaces taken out,
 * and every key and value of their data.
 */
import { crc32 } from "node:zlib";
import type { OrderedTree } from "@stele/shared/checkpoint-store/testing/ordered-tree.ts";
import { spaceId, type LogIndex, type ReplicaId } from "@stele/shared/ids.ts";
import type { AppliedState } from "@stele/shared/replication/replica-records.ts";
import type { StateMachineFactory } from "@stele/shared/replication/state-machine.ts";
import type { Report } from "./report.ts";

const NOWHERE = spaceId(0);

export interface ReplicaContents {
  readonly replicaId: ReplicaId;
  readonly index: LogIndex;
  /** Equal wherever the data lies. */
  readonly machineState: Buffer;
  readonly hash: number;
  readonly rows: number;
  /** Everything by relative key, in hexadecimal; costly. */
  readonly values: () => ReadonlyMap<string, Buffer>;
}

/** What a store holds of a replica; null: it waits for its first snapshot. */
export function contentsOf(
  tree: OrderedTree,
  applied: AppliedState,
  factory: StateMachineFactory,
): ReplicaContents | null {
  const { replicaId, index, machineState } = applied;
  if (machineState === null) return null;
  const ranges = factory.rangesOf(machineState);
  const visitAll = (visit: (relative: Buffer, value: Buffer) => void): void => {
    for (const range of ranges) {
      tree.scan({ ...range, reverse: false }, (key, value) => {
        visit(factory.relativeKey(key), value);
        return true;
      });
    }
  };
  const relocated = factory.stateAfterSnapshot(machineState, NOWHERE);
  let hash = crc32(relocated);
  let rows = 0;
  visitAll((relative, value) => {
    hash = crc32(value, crc32(relative, (hash ^ value.length) >>> 0));
    rows++;
  });
  const values = (): ReadonlyMap<string, Buffer> => {
    const all = new Map<string, Buffer>();
    visitAll((relative, value) => void all.set(relative.toString("hex"), value));
    return all;
  };
  return { replicaId, index, machineState: relocated, hash, rows, values };
}

export class StateHashes {
  readonly #report: Report;
  /** By applied index: who was seen there first. Keeps that version of its store for as long. */
  readonly #seen = new Map<LogIndex, ReplicaContents>();

  constructor(report: Report) {
    this.#report = report;
  }

  see(contents: ReplicaContents): void {
    const known = this.#seen.get(contents.index);
    if (known === undefined) this.#seen.set(contents.index, contents);
    else if (known.hash !== contents.hash || known.rows !== contents.rows) {
      this.#report(
        `at index ${contents.index} replicas ${known.replicaId} and ${contents.replicaId} differ: ` +
          difference(known, contents),
      );
    }
  }
}

function difference(left: ReplicaContents, right: ReplicaContents): string {
  const found: string[] = [];
  if (!left.machineState.equals(right.machineState)) found.push("the machines' states");
  const leftValues = left.values();
  const rightValues = right.values();
  for (const [key, value] of leftValues) {
    const other = rightValues.get(key);
    if (other === undefined) found.push(`key ${key} is missing in ${right.replicaId}`);
    else if (!other.equals(value)) found.push(`the values of key ${key}`);
  }
  for (const key of rightValues.keys()) {
    if (!leftValues.has(key)) found.push(`key ${key} is missing in ${left.replicaId}`);
  }
  const more = found.length > 4 ? ` and ${found.length - 4} more` : "";
  return `${found.slice(0, 4).join("; ")}${more}`;
}
