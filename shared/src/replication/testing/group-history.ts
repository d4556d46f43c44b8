/**
 * What all replicas of one group agree on, gathered from whoever applies it first: the commands by index, and
 * with them the state at every index. Every later applying, on any replica and in any replay, is compared.
 */
import { crc32 } from "node:zlib";
import type { CommittedCommand } from "../state-machine.ts";

export interface MachineDigest {
  readonly count: number;
  readonly digest: number;
}

export class GroupHistory {
  readonly #commands = new Map<number, Buffer>();
  /** By the index of a command: the state behind it. */
  readonly #states = new Map<number, MachineDigest>();
  #last: MachineDigest = { count: 0, digest: 0 };
  readonly #leaders = new Map<number, number>();
  readonly #violation: (what: string) => void;

  constructor(violation: (what: string) => void) {
    this.#violation = violation;
  }

  /** A replica is about to apply the command. */
  applied({ index, payload }: CommittedCommand): void {
    const known = this.#commands.get(index);
    if (known === undefined) {
      this.#commands.set(index, Buffer.from(payload));
      const { count, digest } = this.#last;
      this.#last = { count: count + 1, digest: crc32(payload, digest) };
      this.#states.set(index, this.#last);
    } else if (!known.equals(payload)) this.#violation(`index ${index} was applied differently`);
  }

  /** A replica leads the term. */
  leads(term: number, replica: number): void {
    const known = this.#leaders.get(term);
    if (known === undefined) this.#leaders.set(term, replica);
    else if (known !== replica)
      this.#violation(`replicas ${known} and ${replica} lead term ${term}`);
  }

  /** Compares a machine that has applied everything up to the command at `index` with the history. */
  checkState(index: number, state: MachineDigest): void {
    const known = this.#states.get(index);
    if (known?.count === state.count && known.digest === state.digest) return;
    this.#violation(`index ${index} follows ${state.count} commands; once it was ${known?.count}`);
  }

  /** Compares everything that a machine keeps in the store. */
  checkContents(index: number, contents: readonly string[]): void {
    const registers = new Map<string, string>();
    for (const payload of this.#upTo(index)) {
      const cut = payload.indexOf(0);
      registers.set(payload.toString("utf8", 0, cut), payload.toString("utf8", cut + 1));
    }
    const expected = [...registers].map(([name, value]) => `${name}=${value}`).sort();
    if (expected.join("\n") === contents.join("\n")) return;
    const brief = (lines: readonly string[]): string =>
      lines.map((line) => line.slice(0, 12)).join(", ");
    this.#violation(`at index ${index}: the store has ${brief(contents)}, not ${brief(expected)}`);
  }

  *#upTo(last: number): Generator<Buffer> {
    const indexes = [...this.#commands.keys()].filter((index) => index <= last);
    for (const index of indexes.sort((a, b) => a - b)) yield this.#commands.get(index) as Buffer;
  }
}
