/**
 * The entries of a snapshot as frames, and back: chunks of small ones, and a large one as its key
 * followed by its value in pieces, since a frame is smaller than the largest record.
 *
 * N1. Count and checksum cover every frame of entries: the end proves that none is missing.
 * N2. Of a large entry's value, the receiver's memory is touched as the pieces come, and it holds one
 *     such value at a time.
 */
import { crc32 } from "node:zlib";
import { unreachable } from "../assert.ts";
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";
import type { StoreEntry } from "../checkpoint-store/checkpoint-store.ts";
import {
  decodeSnapshotFrame,
  encodeSnapshotChunk,
  encodeSnapshotEnd,
  encodeSnapshotPiece,
  encodeSnapshotValue,
} from "./snapshot-frames.ts";

/** Larger values travel in pieces of so many bytes. */
const PIECE_BYTES = 1024 * 1024;

export class OutgoingEntries {
  #count = 0;
  #crc = 0;

  /** The frames of entries, one at least, of which those that are not alone have small values. */
  *frames(entries: readonly StoreEntry[]): Generator<Buffer> {
    this.#count += entries.length;
    const [first] = entries;
    if (first === undefined || first[1].length <= PIECE_BYTES) {
      yield this.#counted(encodeSnapshotChunk(entries));
      return;
    }
    const [key, value] = first;
    yield this.#counted(encodeSnapshotValue(key, value.length));
    for (let at = 0; at < value.length; at += PIECE_BYTES) {
      yield this.#counted(encodeSnapshotPiece(value.subarray(at, at + PIECE_BYTES)));
    }
    if (entries.length > 1) yield this.#counted(encodeSnapshotChunk(entries.slice(1)));
  }

  end(): Buffer {
    return encodeSnapshotEnd(this.#count, this.#crc);
  }

  #counted(frame: Buffer): Buffer {
    this.#crc = crc32(frame, this.#crc);
    return frame;
  }
}

export class IncomingEntries {
  #count = 0;
  #crc = 0;
  /** An entry whose value is still coming: its first `filled` bytes are there. */
  #large: { readonly key: Buffer; readonly value: Buffer; filled: number } | null = null;

  /**
   * The entries that the frame completes, possibly none; null: it was the end, and nothing is missing.
   * Throws `MalformedFrameError`.
   */
  take(bytes: Buffer): readonly StoreEntry[] | null {
    const frame = decodeSnapshotFrame(bytes);
    if (this.#large !== null && frame.kind !== "piece") {
      throw new MalformedFrameError(`snapshot ${frame.kind} within a value`);
    }
    switch (frame.kind) {
      case "header":
        throw new MalformedFrameError("second snapshot header");
      case "chunk":
        return this.#counted(bytes, frame.entries);
      case "value":
        this.#large = {
          key: Buffer.from(frame.key),
          value: Buffer.allocUnsafeSlow(frame.bytes),
          filled: 0,
        };
        return this.#counted(bytes, []);
      case "piece":
        return this.#counted(bytes, this.#addPiece(frame.piece));
      case "end":
        if (frame.count !== this.#count || frame.crc !== this.#crc) {
          const { count } = frame;
          throw new MalformedFrameError(`snapshot of ${count} entries arrived as ${this.#count}`);
        }
        return null;
      default:
        return unreachable(frame);
    }
  }

  #addPiece(piece: Buffer): readonly StoreEntry[] {
    const large = this.#large;
    if (large === null) throw new MalformedFrameError("snapshot piece of no value");
    const { key, value } = large;
    if (large.filled + piece.length > value.length) {
      throw new MalformedFrameError("snapshot piece beyond its value");
    }
    value.set(piece, large.filled);
    large.filled += piece.length;
    if (large.filled < value.length) return [];
    this.#large = null;
    return [[key, value]];
  }

  #counted(bytes: Buffer, entries: readonly StoreEntry[]): readonly StoreEntry[] {
    this.#count += entries.length;
    this.#crc = crc32(bytes, this.#crc);
    return entries;
  }
}
