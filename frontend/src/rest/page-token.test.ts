import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { tableId } from "@stele/shared/ids.ts";
import { decodePageToken, encodePageToken, fingerprintOf } from "./page-token.ts";

const fingerprint = fingerprintOf(["scan", "t", null]);

describe("page tokens", () => {
  test("a token carries table and position, whatever the bytes", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.option(fc.uint8Array({ maxLength: 100 }).map((array) => Buffer.from(array))),
        (id, position) => {
          const page = { tableId: tableId(id), position };
          expect(decodePageToken(encodePageToken(fingerprint, page), fingerprint)).toEqual(page);
        },
      ),
    );
  });

  test("a token with any character changed, cut or added is damaged", () => {
    const token = encodePageToken(fingerprint, { tableId: tableId(7), position: Buffer.from("k") });
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.base64String({ minLength: 1 }), (index, noise) => {
        const changed = token.slice(0, index) + noise + token.slice(index + noise.length);
        fc.pre(changed !== token);
        expect(() => decodePageToken(changed, fingerprint)).toThrow("INVALID_PAGE_TOKEN");
      }),
    );
    for (const text of ["", "x", "====", "no token"]) {
      expect(() => decodePageToken(text, fingerprint), text).toThrow("INVALID_PAGE_TOKEN");
    }
  });

  test("a token of other parameters is a mismatch, not damage", () => {
    const token = encodePageToken(fingerprint, { tableId: tableId(7), position: null });
    expect(() => decodePageToken(token, fingerprintOf(["scan", "t", "x"]))).toThrow(
      "PAGE_TOKEN_MISMATCH",
    );
  });
});
