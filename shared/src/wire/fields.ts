/** Fields that documents of several kinds have: decoded, ids are branded and bytes are a Buffer. */
import { z } from "zod";
import { isServerId, replicaId, serverId } from "../ids.ts";
import type { ReplicaId, ServerId } from "../ids.ts";

export const count = z.int().nonnegative();

export const serverIdField: z.ZodType<ServerId> = z.codec(
  z.string().refine(isServerId, "must be a uuid in lower case"),
  z.custom<ServerId>((value) => typeof value === "string"),
  { decode: serverId, encode: (id) => id },
);

export const replicaIdField: z.ZodType<ReplicaId> = z.codec(
  count,
  z.custom<ReplicaId>((value) => typeof value === "number"),
  { decode: replicaId, encode: (id) => id },
);

/** Base64 on the wire. */
export const base64Bytes = z.codec(z.base64(), z.instanceof(Buffer), {
  decode: (text) => Buffer.from(text, "base64"),
  encode: (bytes) => bytes.toString("base64"),
});
