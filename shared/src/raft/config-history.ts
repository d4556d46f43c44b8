/**
 * Which config each part of the log put in force. A config is active from its append on, so a
 * follower that drops entries falls back to the config before them (Raft dissertation, section 4.1).
 *
 * C1. Never empty: the first config is the one in force at the log's truncated index.
 * C2. Indexes strictly ascend.
 */
import { assert, must } from "../assert.ts";
import type { LogIndex } from "../ids.ts";
import type { GroupConfig } from "./group-config.ts";

export interface IndexedConfig {
  /** The entry that carries the config; for a group's first config the index before its log. */
  readonly index: LogIndex;
  readonly config: GroupConfig;
}

export class ConfigHistory {
  #configs: IndexedConfig[];

  constructor(configs: readonly IndexedConfig[]) {
    this.#configs = [...configs];
    this.checkInvariants();
  }

  /** The config in force now. */
  get current(): IndexedConfig {
    return must(this.#configs.at(-1), "C1: no config");
  }

  /** Ascending; for a snapshot or a recovery record. */
  get all(): readonly IndexedConfig[] {
    return this.#configs;
  }

  append(index: LogIndex, config: GroupConfig): void {
    assert(index > this.current.index, () => `C2: config at ${index} after ${this.current.index}`);
    this.#configs.push({ index, config });
  }

  /** The config in force when `index` was the last entry; undefined if that is compacted away. */
  at(index: LogIndex): IndexedConfig | undefined {
    return this.#configs.findLast((known) => known.index <= index);
  }

  /** Drops the configs at or above `index`. */
  truncateFrom(index: number): void {
    while (this.current.index >= index) {
      assert(this.#configs.length > 1, () => `C1: truncation from ${index} drops every config`);
      this.#configs.pop();
    }
  }

  /** Forgets the configs that were replaced at or below `index`. */
  compactTo(index: number): void {
    const keep = this.#configs.findLastIndex((known) => known.index <= index);
    if (keep > 0) this.#configs.splice(0, keep);
  }

  /** A snapshot replaces everything known. */
  reset(only: IndexedConfig): void {
    this.#configs = [only];
  }

  checkInvariants(): void {
    assert(this.#configs.length > 0, "C1: no config");
    this.#configs.forEach((known, at) => {
      const before = this.#configs[at - 1];
      assert(before === undefined || before.index < known.index, "C2: configs do not ascend");
    });
  }
}
