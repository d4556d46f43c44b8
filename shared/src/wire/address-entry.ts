/** Where a server was last heard of, as servers pass it on to each other and keep it on disk. */
import { z } from "zod";
import type { ServerId } from "../ids.ts";
import { SERVER_ROLES } from "../server-role.ts";
import type { ServerRole } from "../server-role.ts";
import { serverIdField } from "./fields.ts";

export interface AddressEntry {
  readonly serverId: ServerId;
  readonly name: string;
  readonly role: ServerRole;
  /** Scheme, host and port, without a path: `http://10.0.0.7:7090`. */
  readonly url: string;
  /** By the server's own wall clock when it took the address. */
  readonly announcedAtMicros: number;
}

const addressEntry: z.ZodType<AddressEntry> = z.object({
  serverId: serverIdField,
  name: z.string().min(1).max(63),
  role: z.enum(SERVER_ROLES),
  url: z.url({ protocol: /^https?$/ }).max(300),
  announcedAtMicros: z.int().min(0),
});

/** Most entries that one document may hold, and that a book keeps. */
export const ADDRESSES_MAX = 1000;

/** On disk and on the wire. */
export const addressEntries: z.ZodType<readonly AddressEntry[]> = z
  .array(addressEntry)
  .max(ADDRESSES_MAX);
