/**
 * Applies committed commands to a tablet: from entries and the present state to store operations and the next
 * state. The same on every replica and in every replay (state-machine.ts, M2), however the entries are cut into
 * batches.
 *
 * Q1. An entry of another generation has no effects; only its `maxVersion` and `age` count (entry-payload.ts, P1, P2).
 *     So it is with writes behind the drop of the tablet.
 * Q2. Of several effects on one row the later ones see the earlier ones' result; only the last is written.
 * Q3. A verify entry ends the batch, so that the store behind it is exactly the state at its index.
 * Q4. A batch ends early when it has grown into a long piece of work: the rest is another batch.
 */
import { MalformedFrameError } from "@stele/shared/bytes/malformed-frame-error.ts";
import { StoreReadError } from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import {
  DamagedReplicaError,
  type CommittedCommand,
} from "@stele/shared/replication/state-machine.ts";
import { rowKeyText } from "@stele/shared/row-key.ts";
import { CorruptRecordError } from "../storage/corrupt-record-error.ts";
import { idempotencyStoreKey, rowStoreKey } from "../storage/key-layout.ts";
import type { AppliedCommands } from "./applied-commands.ts";
import { ApplyRun } from "./apply-run.ts";
import { readsCurrent } from "./effects.ts";
import { decodeEntry, type EntryPayload } from "./entry-payload.ts";
import type { RetryTable } from "./retry-table.ts";
import { spaceOf, type TabletState } from "./tablet-state.ts";

/** Entries that need so many records of the store are read for together. */
const GROUP_KEYS = 32;
/** Q4: rows written, and bytes of records read. */
const BATCH_EFFECTS = 1000;
const BATCH_READ_BYTES = 16 * 1024 * 1024;

type ReadStore = (keys: readonly Buffer[]) => Promise<(Buffer | undefined)[]>;

interface Group {
  readonly entries: { readonly command: CommittedCommand; readonly entry: EntryPayload }[];
  /** Records that applying them needs, by store key. */
  readonly wanted: Map<string, Buffer>;
}

/** Changes `retries`. Throws `DamagedReplicaError` when a record that must be read is damaged. */
export async function applyCommands(
  before: TabletState,
  retries: RetryTable,
  commands: readonly CommittedCommand[],
  readStore: ReadStore,
): Promise<AppliedCommands> {
  const run = new ApplyRun(before, retries);
  try {
    let readBytes = 0;
    for (let at = 0; at < commands.length;) {
      const group = nextGroup(run.state, commands, at);
      readBytes += await readWanted(run, group.wanted, readStore);
      for (const { command, entry } of group.entries) run.apply(command, entry);
      at += group.entries.length;
      if (run.verify !== null) break;
      if (run.effects >= BATCH_EFFECTS || readBytes >= BATCH_READ_BYTES) break;
    }
    return run.finish();
  } catch (error) {
    const damaged =
      error instanceof CorruptRecordError ||
      error instanceof StoreReadError ||
      error instanceof MalformedFrameError;
    if (damaged) throw new DamagedReplicaError(error.message, { cause: error });
    throw error;
  }
}

/** Entries from `at` on that are read for together; ends behind one that changes what entries mean. */
function nextGroup(state: TabletState, commands: readonly CommittedCommand[], at: number): Group {
  const group: Group = { entries: [], wanted: new Map() };
  let effects = 0;
  for (const command of commands.slice(at)) {
    const entry = decodeEntry(command.payload);
    group.entries.push({ command, entry });
    wantRecords(group.wanted, state, entry);
    if (entry.kind === "write") effects += entry.effects.length;
    if (entry.kind === "verify" || entry.kind === "drop-tablet") break;
    if (group.wanted.size >= GROUP_KEYS || effects >= BATCH_EFFECTS) break;
  }
  return group;
}

function wantRecords(wanted: Map<string, Buffer>, state: TabletState, entry: EntryPayload): void {
  if (entry.generation !== state.generation) return;
  const want = (key: Buffer): void => void wanted.set(rowKeyText(key), key);
  if (entry.kind === "write") {
    for (const effect of entry.effects) {
      if (readsCurrent(effect)) want(rowStoreKey(spaceOf(state, effect.key), effect.key));
    }
    for (const { rowKey, idempotencyKey } of entry.idempotency) {
      want(idempotencyStoreKey(spaceOf(state, rowKey), rowKey, idempotencyKey));
    }
  } else if (entry.kind === "forget-idempotency") {
    for (const { rowKey, idempotencyKey } of entry.records) {
      want(idempotencyStoreKey(spaceOf(state, rowKey), rowKey, idempotencyKey));
    }
  }
}

/** Gives the bytes read. */
async function readWanted(
  run: ApplyRun,
  wanted: ReadonlyMap<string, Buffer>,
  readStore: ReadStore,
): Promise<number> {
  const missing = [...wanted].filter(([text]) => !run.knows(text));
  if (missing.length === 0) return 0;
  const found = await readStore(missing.map(([, key]) => key));
  let bytes = 0;
  missing.forEach(([text], at) => {
    run.learn(text, found[at]);
    bytes += found[at]?.length ?? 0;
  });
  return bytes;
}
