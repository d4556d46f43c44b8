import { describe, expect, test } from "vitest";
import { bodyTypeOf, prefersNdjson } from "./media-types.ts";

describe("media types", () => {
  test("answers are NDJSON only when Accept ranks it above JSON", () => {
    const taken = [
      "application/x-ndjson",
      "application/ndjson",
      "application/jsonl;q=0.5",
      "application/x-ndjson, */*;q=0.1",
      "application/json;q=0.5, application/x-ndjson;q=0.9",
      "application/x-ndjson, application/json",
      "text/html, application/x-ndjson",
    ];
    const refused = [
      undefined,
      "*/*",
      "text/html",
      "application/json",
      "application/json, application/x-ndjson",
      "application/x-ndjson;q=0.1, application/json",
      "application/x-ndjson;q=0",
      "*/*, application/x-ndjson;q=0.9",
    ];
    expect(taken.filter((accept) => !prefersNdjson(accept))).toEqual([]);
    expect(refused.filter((accept) => prefersNdjson(accept))).toEqual([]);
  });

  test("a JSON body needs its type, in UTF-8, and no encoding", () => {
    const typeOf = (headers: Record<string, string>) => bodyTypeOf(headers, ["json"]);
    expect(typeOf({ "content-type": "application/json" })).toBe("json");
    expect(typeOf({ "content-type": "Application/JSON; charset=UTF-8" })).toBe("json");
    for (const type of ["text/plain", "application/json; charset=latin1", "application/x-ndjson"]) {
      expect(() => typeOf({ "content-type": type }), type).toThrow("UNSUPPORTED_MEDIA_TYPE");
    }
    expect(() => typeOf({})).toThrow("UNSUPPORTED_MEDIA_TYPE");
    expect(() =>
      typeOf({ "content-type": "application/json", "content-encoding": "gzip" }),
    ).toThrow("UNSUPPORTED_MEDIA_TYPE");
  });
});
