/**
 * Who a server is, as `identity.json` in its data directory says. Stored on disk: fields may be added
 * with a new `FORMAT_VERSION`, never renamed.
 */
import { z } from "zod";
import type { ServerId } from "../ids.ts";
import { SERVER_NAME } from "../server-name.ts";
import { SERVER_ROLES } from "../server-role.ts";
import type { ServerRole } from "../server-role.ts";
import { serverIdField } from "../wire/fields.ts";

export interface Identity {
  /** Minted into the directory. */
  readonly serverId: ServerId;
  readonly role: ServerRole;
  /** The operator's, stable across directories: `id` in the API. */
  readonly name: string;
  /** Null until the server forms or joins a cluster. */
  readonly clusterId: string | null;
  /** Of everything in the directory. */
  readonly formatVersion: number;
}

export interface IdentityFile extends Identity {
  /** Where contents are being moved to; null: nowhere. */
  readonly setAside: string | null;
}

export const FORMAT_VERSION = 1;

/** All that is asked of a document whose format may be a newer one. */
export const formatVersionOnly = z.looseObject({ formatVersion: z.int().min(1) });

export const identityFile: z.ZodType<IdentityFile> = z.looseObject({
  formatVersion: z.int().min(1),
  serverId: serverIdField,
  role: z.enum(SERVER_ROLES),
  name: z.string().regex(SERVER_NAME),
  clusterId: z.string().min(1).nullable(),
  setAside: z.string().min(1).nullable(),
});
