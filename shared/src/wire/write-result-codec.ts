/**
 * `WriteResult` and `WriteOutcome` in binary: in replies, and stored beside the row and per log entry so
 * that a retry gets the same answer. `replayed` is not part of it: whoever replays a result says so.
 *
 * Sent on the wire and stored on disk: never renumber a flag.
 */
import type { ByteReader } from "../bytes/byte-reader.ts";
import type { ByteWriter } from "../bytes/byte-writer.ts";
import type { WriteOutcome, WriteResult } from "../row-operations.ts";
import { readError, writeError } from "./error-codec.ts";
import {
  readColumn,
  readOptionalVersion,
  writeColumn,
  writeOptionalVersion,
} from "./row-write-codec.ts";

const CREATED_ROW = 1;
const CREATED_COLUMN = 2;
const MATCHED = 4;
const ALL_FLAGS = CREATED_ROW | CREATED_COLUMN | MATCHED;

const FAILED = 0;
const DONE = 1;
const DONE_BEFORE = 2;

export function writeResult(writer: ByteWriter, result: WriteResult): ByteWriter {
  let flags = 0;
  if (result.createdRow) flags |= CREATED_ROW;
  if (result.createdColumn) flags |= CREATED_COLUMN;
  if (result.matched) flags |= MATCHED;
  writer.byte(flags);
  writeOptionalVersion(writer, result.version);
  return writer.list(result.computed, (to, { column, value, int64 }) => {
    writeColumn(to, column);
    to.flag(int64);
    to.bytes(value);
  });
}

/** With `replayed` false. Throws `MalformedFrameError`. */
export function readResult(reader: ByteReader): WriteResult {
  const flags = reader.byte();
  if (flags > ALL_FLAGS) reader.fail(`unknown result flags ${flags}`);
  return {
    version: readOptionalVersion(reader),
    createdRow: (flags & CREATED_ROW) !== 0,
    createdColumn: (flags & CREATED_COLUMN) !== 0,
    matched: (flags & MATCHED) !== 0,
    computed: reader.list(4, readComputed),
    replayed: false,
  };
}

export function writeOutcome(writer: ByteWriter, outcome: WriteOutcome): void {
  if (outcome.kind === "failed") {
    writer.byte(FAILED);
    writeError(writer, outcome.error);
  } else {
    writer.byte(outcome.result.replayed ? DONE_BEFORE : DONE);
    writeResult(writer, outcome.result);
  }
}

export function readOutcome(reader: ByteReader): WriteOutcome {
  const kind = reader.byte();
  switch (kind) {
    case FAILED:
      return { kind: "failed", error: readError(reader) };
    case DONE:
      return { kind: "done", result: readResult(reader) };
    case DONE_BEFORE:
      return { kind: "done", result: { ...readResult(reader), replayed: true } };
    default:
      return reader.fail(`unknown kind of outcome ${kind}`);
  }
}

function readComputed(reader: ByteReader): WriteResult["computed"][number] {
  const column = readColumn(reader);
  const int64 = reader.flag();
  return { column, int64, value: reader.bytes() };
}
