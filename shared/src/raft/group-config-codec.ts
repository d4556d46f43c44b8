/**
 * The binary form of a `GroupConfig`: the payload of a config entry. Stored on disk: a change needs
 * a new format number, and the old one stays readable.
 *
 * Big-endian: u8 format = 1 | u16 voters | u16 outgoing | u16 learners | members in that order,
 * 24 bytes each: u64 replica id | 16 bytes of the server's uuid.
 */
import { assert } from "../assert.ts";
import { replicaId, serverId } from "../ids.ts";
import type { ServerId } from "../ids.ts";
import { problemOfGroupConfig } from "./group-config.ts";
import type { GroupConfig, Member } from "./group-config.ts";

const FORMAT = 1;
const HEADER_BYTES = 7;
const MEMBER_BYTES = 24;

/** A payload that is no config: damaged, or written by a later version. */
export class GroupConfigFormatError extends Error {
  override readonly name = "GroupConfigFormatError";
}

export function encodeGroupConfig(config: GroupConfig): Buffer {
  const problem = problemOfGroupConfig(config);
  assert(problem === null, () => `config not encodable: ${problem}`);
  const members = [...config.voters, ...config.outgoing, ...config.learners];
  const bytes = Buffer.alloc(HEADER_BYTES + members.length * MEMBER_BYTES);
  bytes.writeUInt8(FORMAT, 0);
  bytes.writeUInt16BE(config.voters.length, 1);
  bytes.writeUInt16BE(config.outgoing.length, 3);
  bytes.writeUInt16BE(config.learners.length, 5);
  members.forEach((member, at) => {
    const offset = HEADER_BYTES + at * MEMBER_BYTES;
    bytes.writeBigUInt64BE(BigInt(member.replicaId), offset);
    bytes.write(member.serverId.replaceAll("-", ""), offset + 8, "hex");
  });
  return bytes;
}

/** Throws `GroupConfigFormatError` for anything that `encodeGroupConfig` does not write. */
export function decodeGroupConfig(bytes: Buffer): GroupConfig {
  if (bytes.length < HEADER_BYTES) throw new GroupConfigFormatError("config is cut short");
  const format = bytes.readUInt8(0);
  if (format !== FORMAT) throw new GroupConfigFormatError(`unknown config format ${format}`);
  const voters = bytes.readUInt16BE(1);
  const outgoing = bytes.readUInt16BE(3);
  const learners = bytes.readUInt16BE(5);
  const expected = HEADER_BYTES + (voters + outgoing + learners) * MEMBER_BYTES;
  if (bytes.length !== expected) {
    throw new GroupConfigFormatError(`config has ${bytes.length} bytes, not ${expected}`);
  }
  const config: GroupConfig = {
    voters: decodeMembers(bytes, 0, voters),
    outgoing: decodeMembers(bytes, voters, outgoing),
    learners: decodeMembers(bytes, voters + outgoing, learners),
  };
  const problem = problemOfGroupConfig(config);
  if (problem !== null) throw new GroupConfigFormatError(problem);
  return config;
}

function decodeMembers(bytes: Buffer, first: number, count: number): Member[] {
  const members: Member[] = [];
  for (let at = first; at < first + count; at++) {
    const offset = HEADER_BYTES + at * MEMBER_BYTES;
    const id = bytes.readBigUInt64BE(offset);
    if (id > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new GroupConfigFormatError(`replica id out of range: ${id}`);
    }
    members.push({
      replicaId: replicaId(Number(id)),
      serverId: decodeServerId(bytes.subarray(offset + 8, offset + MEMBER_BYTES)),
    });
  }
  return members;
}

function decodeServerId(bytes: Buffer): ServerId {
  const hex = bytes.toString("hex");
  return serverId(
    [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join(
      "-",
    ),
  );
}
