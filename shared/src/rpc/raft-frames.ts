/**
 * What a `POST /internal/raft/{lane}` carries: Raft messages of any groups from one server to
 * another.
 *
 *   request  = opening, messages*                        frames of `frame.ts`
 *   opening  = u8 format, text cluster id, text sender's server id, text recipient's server id
 *   messages = (varint tablet id, message)+              `raft/message-codec.ts`
 *
 * A request decodes as a whole or not at all. Payloads of decoded entries are slices of its body.
 */
import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";
import { isServerId } from "../ids.ts";
import type { ServerId, TabletId } from "../ids.ts";
import type { RaftEnvelope } from "./channel-contract.ts";
import { decodeFrames, FRAME_HEADER_BYTES, sealFrame } from "./frame.ts";
import { readRaftMessage, writeRaftMessage } from "../raft/message-codec.ts";

export interface RaftOpening {
  readonly clusterId: string;
  readonly sender: ServerId;
  readonly recipient: ServerId;
}

export interface RaftRequest extends RaftOpening {
  readonly envelopes: readonly RaftEnvelope[];
}

const FORMAT = 1;
/** Messages share a frame until it has so many bytes; a larger one is alone in its frame. */
const FRAME_BYTES = 1024 * 1024;
/** The most that stands around the payloads: eight integers in a message, two in an entry. */
const MESSAGE_BYTES = 80;
const ENTRY_BYTES = 16;

/** At least what the envelope takes in a request, and little more; for limits and first guesses. */
export function raftEnvelopeBytes({ message }: RaftEnvelope): number {
  let bytes = MESSAGE_BYTES;
  if (message.kind === "append") {
    for (const { payload } of message.entries) bytes += ENTRY_BYTES + payload.length;
  }
  return bytes;
}

export function encodeRaftRequest(request: RaftRequest): Buffer {
  const { clusterId, sender, recipient, envelopes } = request;
  let expected = 256;
  for (const envelope of envelopes) expected += raftEnvelopeBytes(envelope) + 1;
  const writer = new ByteWriter(expected);
  let frameStart = writer.gap(FRAME_HEADER_BYTES);
  const frameStarts = [frameStart];
  writer.byte(FORMAT).text(clusterId).text(sender).text(recipient);
  for (const envelope of envelopes) {
    const isFull = writer.length - frameStart + raftEnvelopeBytes(envelope) > FRAME_BYTES;
    if (isFull || frameStarts.length === 1) {
      frameStart = writer.gap(FRAME_HEADER_BYTES);
      frameStarts.push(frameStart);
    }
    writer.varint(envelope.tabletId);
    writeRaftMessage(writer, envelope.message);
  }
  const body = writer.finish();
  frameStarts.forEach((start, at) => sealFrame(body, start, frameStarts[at + 1] ?? body.length));
  return body;
}

/** Throws `MalformedFrameError`. */
export function decodeRaftRequest(body: Buffer): RaftRequest {
  const [opening, ...frames] = decodeFrames(body);
  if (opening === undefined) throw new MalformedFrameError("a request without an opening");
  const envelopes: RaftEnvelope[] = [];
  for (const frame of frames) {
    const reader = new ByteReader(frame);
    do {
      const tabletId = reader.varint() as TabletId;
      envelopes.push({ tabletId, message: readRaftMessage(reader) });
    } while (reader.remaining > 0);
  }
  return { ...decodeOpening(opening), envelopes };
}

function decodeOpening(frame: Buffer): RaftOpening {
  const reader = new ByteReader(frame);
  const format = reader.byte();
  if (format !== FORMAT) reader.fail(`unknown format of Raft requests ${format}`);
  const clusterId = reader.text();
  const sender = readServerId(reader);
  const recipient = readServerId(reader);
  reader.end();
  return { clusterId, sender, recipient };
}

function readServerId(reader: ByteReader): ServerId {
  const text = reader.text();
  return isServerId(text) ? text : reader.fail("a server id is a lower-case uuid");
}
