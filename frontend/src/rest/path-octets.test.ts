import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeKey, octetsOf, routableUrl } from "./path-octets.ts";

describe("keys in paths", () => {
  test("percent-encoded octets are octets, whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (array) => {
        const bytes = Buffer.from(array);
        const text = bytes.toString("hex").replaceAll(/../g, "%$&");
        expect(octetsOf(text)).toEqual(bytes);
      }),
    );
  });

  test("a percent sign without two digits is no escape", () => {
    for (const text of ["%", "%4", "a%zz", "%%41", "%4g"]) expect(octetsOf(text), text).toBeNull();
  });

  test("the router sees the escapes of keys and columns as they came", () => {
    expect(routableUrl("/v1/tables/t/rows/%FF%00k")).toBe("/v1/tables/t/rows/%25FF%2500k");
    expect(routableUrl("/v1/tables/t/rows/a%2Fb/cells/d:%FF?enc=b64")).toBe(
      "/v1/tables/t/rows/a%252Fb/cells/d:%25FF?enc=b64",
    );
    expect(routableUrl("/v1/tables/t/rows/a#b")).toBe("/v1/tables/t/rows/a%2523b");
    expect(routableUrl("/v1/tables/t/rows?prefix=%FF")).toBe("/v1/tables/t/rows?prefix=%FF");
  });

  test("escapes of other segments mean their characters, but never a slash", () => {
    expect(routableUrl("/v1/tables/t/rows%3Ascan")).toBe("/v1/tables/t/rows:scan");
    expect(routableUrl("/v1/%74ables/t")).toBe("/v1/tables/t");
    expect(routableUrl("/v1/tables/t%2Frows")).toBe("/v1/tables/t%2Frows");
    expect(routableUrl("/v1/tables/%FF")).toBe("/v1/tables/%25FF");
  });

  test("enc=b64 and enc=hex are further spellings, and a plus lost in a query is found", () => {
    const octets = (text: string) => Buffer.from(text, "latin1");
    expect(decodeKey(octets("Li4"), "b64")).toEqual(Buffer.from(".."));
    expect(decodeKey(octets("  8="), "b64")).toEqual(Buffer.from("fbef", "hex"));
    expect(decodeKey(octets("FF00"), "hex")).toEqual(Buffer.from("ff00", "hex"));
    expect(decodeKey(octets("F"), "hex")).toBeNull();
    expect(decodeKey(octets("a"), "b64")).toBeNull();
  });
});
