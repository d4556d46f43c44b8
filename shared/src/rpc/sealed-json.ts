/**
 * The body of a call of the control plane, either way: JSON behind its checksum. What these calls say becomes
 * addresses, tables and votes, and a flipped bit in JSON is mostly JSON again.
 *
 *   body = u32 CRC-32 of the text (big-endian), JSON text in UTF-8
 */
import { crc32 } from "node:zlib";
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";

const CRC_BYTES = 4;

export function sealJson(value: unknown): Buffer {
  return sealJsonText(Buffer.from(JSON.stringify(value)));
}

export function sealJsonText(text: Buffer): Buffer {
  const body = Buffer.allocUnsafe(CRC_BYTES + text.length);
  body.writeUInt32BE(crc32(text), 0);
  body.set(text, CRC_BYTES);
  return body;
}

/** A view of the text. Throws `MalformedFrameError`. */
export function openJsonText(body: Buffer): Buffer {
  const text = body.subarray(CRC_BYTES);
  if (body.length < CRC_BYTES || crc32(text) !== body.readUInt32BE(0)) {
    throw new MalformedFrameError("the checksum of a JSON body does not match");
  }
  return text;
}

/** Throws `MalformedFrameError`. */
export function openJson(body: Buffer): unknown {
  const text = openJsonText(body);
  try {
    return JSON.parse(text.toString());
  } catch {
    throw new MalformedFrameError("a body is not JSON");
  }
}
