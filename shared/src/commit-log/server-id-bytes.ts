/** A server id as the 16 bytes of its uuid. */
import { assert } from "../assert.ts";
import { serverId } from "../ids.ts";
import type { ServerId } from "../ids.ts";

const SERVER_ID_BYTES = 16;

export function putServerId(bytes: Buffer, at: number, id: ServerId): void {
  const written = bytes.write(id.replaceAll("-", ""), at, SERVER_ID_BYTES, "hex");
  assert(written === SERVER_ID_BYTES, () => `not a uuid: ${id}`);
}

export function takeServerId(bytes: Buffer, at: number): ServerId {
  const hex = bytes.toString("hex", at, at + SERVER_ID_BYTES);
  const groups = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
  return serverId([...groups, hex.slice(20)].join("-"));
}
