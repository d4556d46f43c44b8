import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { MalformedFrameError } from "./malformed-frame-error.ts";

type Field =
  | { kind: "byte"; value: number }
  | { kind: "flag"; value: boolean }
  | { kind: "varint"; value: number }
  | { kind: "bytes"; value: Uint8Array }
  | { kind: "text"; value: string };

const field: fc.Arbitrary<Field> = fc.oneof(
  fc.record({ kind: fc.constant("byte" as const), value: fc.nat(255) }),
  fc.record({ kind: fc.constant("flag" as const), value: fc.boolean() }),
  fc.record({ kind: fc.constant("varint" as const), value: fc.maxSafeNat() }),
  fc.record({ kind: fc.constant("bytes" as const), value: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ kind: fc.constant("text" as const), value: fc.string({ unit: "binary" }) }),
);

function write(fields: readonly Field[]): Buffer {
  const writer = new ByteWriter(16);
  for (const { kind, value } of fields) {
    if (kind === "byte") writer.byte(value);
    else if (kind === "flag") writer.flag(value);
    else if (kind === "varint") writer.varint(value);
    else if (kind === "bytes") writer.bytes(value);
    else writer.text(value);
  }
  return writer.finish();
}

function read(kinds: readonly Field["kind"][], buffer: Buffer): unknown[] {
  const reader = new ByteReader(buffer);
  const values = kinds.map((kind) => {
    if (kind === "byte") return reader.byte();
    if (kind === "flag") return reader.flag();
    if (kind === "varint") return reader.varint();
    return kind === "bytes" ? new Uint8Array(reader.bytes()) : reader.text();
  });
  reader.end();
  return values;
}

describe("bytes", () => {
  test("a reader gives back what the writer wrote", () => {
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const kinds = fields.map(({ kind }) => kind);
        expect(read(kinds, write(fields))).toEqual(fields.map(({ value }) => value));
      }),
    );
  });

  test("a reader accepts a buffer only if the writer writes the same bytes for it", () => {
    const kinds = fc.array(fc.constantFrom("byte", "flag", "varint", "bytes", "text"));
    fc.assert(
      fc.property(kinds, fc.uint8Array({ maxLength: 40 }), (wanted, bytes) => {
        const buffer = Buffer.from(bytes);
        let values: unknown[];
        try {
          values = read(wanted, buffer);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedFrameError);
          return;
        }
        const fields = wanted.map((kind, at) => ({ kind, value: values[at] }) as Field);
        expect(write(fields)).toEqual(buffer);
      }),
    );
  });

  test("varints at the edges take as many bytes as they need", () => {
    const edges = [0, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 49 - 1, 2 ** 49, 2 ** 53 - 1];
    const sizes = edges.map((value) => new ByteWriter().varint(value).finish().length);
    expect(sizes).toEqual([1, 1, 2, 5, 5, 7, 8, 8]);
    expect(() => new ByteReader(Buffer.from("808000", "hex")).varint()).toThrow("not minimal");
    expect(() => new ByteReader(Buffer.alloc(9, 0xff)).varint()).toThrow("2^53");
    expect(() => new ByteReader(Buffer.from("ffffffffffffff1f", "hex")).varint()).toThrow("2^53");
  });

  test("an announced length beyond the buffer is refused", () => {
    const writer = new ByteWriter().varint(2 ** 52).raw(Buffer.from("abc"));
    expect(() => new ByteReader(writer.finish()).bytes()).toThrow(MalformedFrameError);
  });
});
