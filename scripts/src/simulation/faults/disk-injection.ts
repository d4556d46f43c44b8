/**
 * Faults of disks. Those of the disk as a device (an error, no room, a stall) may end the process, by an error that
 * tells where it comes from (excused-error.ts). Those that destroy what was acknowledged happen only where the groups
 * can bear it (bearable-loss.ts).
 */
import { DiskError } from "@stele/shared/commit-log/testing/memory-files.ts";
import { APPLIED_STATE, hostKeyRange, SUSPECT } from "@stele/shared/replication/host-keys.ts";
import type { ServerProcess, SimulatedProcess } from "../cluster/simulated-process.ts";
import { BearableLoss } from "./bearable-loss.ts";
import { damageableLog, type DamageablePart } from "./damageable-log.ts";
import type { ActionOf } from "./fault.ts";
import { DONE } from "./injection-context.ts";
import type { Effect } from "./injection-context.ts";

const SECTOR_BYTES = 512;
const HEADER_BYTES = 64;
/** The header's page is mostly empty: rarely there. */
const HEADER_ONE_IN = 8;

/** The store's keys of the host, from its first kind to its last, and of the state machines. */
const HOST_KEYS = {
  start: hostKeyRange(APPLIED_STATE).start,
  end: hostKeyRange(SUSPECT).end,
  reverse: false,
};
const MACHINE_KEYS = { start: Buffer.of(0x10), end: Buffer.of(0xff), reverse: false };

/** A place in the log that recovery cannot take for a torn tail. */
interface LogPlace {
  readonly name: string;
  readonly offset: number;
  /** Exclusive; behind it damage could be taken for a torn tail. */
  readonly end: number;
}

export class DiskInjection {
  readonly #losses: BearableLoss;
  /** Disks that have no room, until their fault ends. */
  readonly #full = new Set<ServerProcess>();
  /** The incarnation of a process that is to fail at a later write. */
  readonly #broken = new Map<ServerProcess, ServerProcess["clock"]>();

  constructor(processes: readonly SimulatedProcess[]) {
    this.#losses = new BearableLoss(processes);
  }

  /** It runs, and does not know yet what its disk does to it. */
  isBroken(process: ServerProcess): boolean {
    if (process.state === "down") return false;
    return process.tainted || this.#broken.get(process) === process.clock;
  }

  failStep(process: ServerProcess, { step, nth }: ActionOf<"log-step-fails">): Effect {
    const { disks } = process;
    if (process.state === "down") return null;
    disks.log.failStep(step, nth);
    this.#broken.set(process, process.clock);
    return DONE;
  }

  fill(process: ServerProcess, { freeBytes }: ActionOf<"log-disk-full">): Effect {
    const { disks } = process;
    if (this.#full.has(process)) return null;
    disks.log.limitCapacity(disks.log.usedBytes + freeBytes);
    this.#full.add(process);
    return {
      undo: () => {
        this.#full.delete(process);
        disks.log.limitCapacity(Number.POSITIVE_INFINITY);
      },
    };
  }

  stall({ disks, state }: ServerProcess, { durationMs }: ActionOf<"log-disk-stalls">): Effect {
    if (state === "down") return null;
    disks.log.stallNext(durationMs);
    return DONE;
  }

  stallStore({ disks, host }: ServerProcess, action: ActionOf<"store-stalls">): Effect {
    if (host === null) return null;
    if (action.what === "flush") disks.store.stallNextFlush(action.durationMs);
    else disks.store.halt(action.durationMs);
    return DONE;
  }

  failStore(process: ServerProcess): Effect {
    if (process.state !== "running") return null;
    process.disks.store.failWrites(new DiskError("ENOSPC", "the store"));
    this.#broken.set(process, process.clock);
    return DONE;
  }

  flipBitInLog(process: ServerProcess, action: ActionOf<"bit-flipped-in-log">): Effect {
    const found = this.#placeInLog(process, action.place);
    if (found === null) return null;
    process.disks.log.flipBit(found.name, found.offset, action.bit);
    return this.#damaged(process);
  }

  misplaceSector(process: ServerProcess, action: ActionOf<"sector-misplaced-in-log">): Effect {
    const found = this.#placeInLog(process, action.place);
    if (found === null) return null;
    const bytes = process.disks.log.fileBytes(found.name);
    const sectors = Math.floor(bytes.length / SECTOR_BYTES);
    const to = Math.min(Math.floor(found.offset / SECTOR_BYTES), sectors - 1);
    if ((to + 1) * SECTOR_BYTES > found.end) return null;
    const from = action.place % sectors;
    if (sectorOf(bytes, from).equals(sectorOf(bytes, to))) return null;
    process.disks.log.misdirectSector(found.name, from, to);
    return this.#damaged(process);
  }

  flipBitInStore(process: ServerProcess, { of }: ActionOf<"bit-flipped-in-store">): Effect {
    const { disks } = process;
    if (!this.#losses.canLose(process)) return null;
    if (disks.store.flipBit(of === "host" ? HOST_KEYS : MACHINE_KEYS) === null) return null;
    return this.#damaged(process);
  }

  /** The process is down when this returns an effect. */
  wipe(process: ServerProcess): Effect {
    if (!this.#losses.canLose(process)) return null;
    process.crash("power");
    process.wipe();
    return DONE;
  }

  #damaged(process: ServerProcess): Effect {
    process.tainted = true;
    return DONE;
  }

  /** See damageable-log.ts: half of it goes where the log is written now, if it can. */
  #placeInLog(process: ServerProcess, place: number): LogPlace | null {
    if (!this.#losses.canLose(process)) return null;
    const part = partOf(damageableLog(process), Math.floor(place / HEADER_ONE_IN));
    if (part === null) return null;
    const { name, from, to, isClosed } = part;
    const inHeader = isClosed && place % HEADER_ONE_IN === 0;
    const offset = inHeader ? place % HEADER_BYTES : from + (place % (to - from));
    return { name, offset, end: to };
  }
}

function partOf(parts: readonly DamageablePart[], place: number): DamageablePart | null {
  const last = parts.at(-1);
  if (last?.isClosed === false && place % 2 === 0) return last;
  return parts[place % Math.max(1, parts.length)] ?? null;
}

function sectorOf(bytes: Buffer, sector: number): Buffer {
  return bytes.subarray(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
}
