/**
 * Who served a call and in what state: the source of `Stele-Served-By`, `Stele-Staleness` and
 * `Stele-Session`.
 */
import type { ByteReader } from "../bytes/byte-reader.ts";
import type { ByteWriter } from "../bytes/byte-writer.ts";
import type { TabletId, Version } from "../ids.ts";

export interface ServedBy {
  /** The operator's name of the tablet server. */
  readonly server: string;
  readonly role: "leader" | "follower";
  readonly tablet: TabletId;
  readonly generation: number;
  /** Seconds, to the millisecond; 0 for strong reads and writes. */
  readonly staleness: number;
  /** The tablet's highest applied version. */
  readonly session: Version;
}

export function writeServedBy(writer: ByteWriter, facts: ServedBy): ByteWriter {
  return (
    writer
      .text(facts.server)
      .flag(facts.role === "leader")
      .varint(facts.tablet)
      .varint(facts.generation)
      // Rounded up, but not because the product of two decimals is seldom a whole number.
      .varint(Math.ceil(Math.round(facts.staleness * 1e6) / 1e3))
      .counter(facts.session)
  );
}

/** Throws `MalformedFrameError`. */
export function readServedBy(reader: ByteReader): ServedBy {
  return {
    server: reader.text(),
    role: reader.flag() ? "leader" : "follower",
    tablet: reader.varint() as TabletId,
    generation: reader.varint(),
    staleness: reader.varint() / 1000,
    session: reader.counter() as Version,
  };
}
