import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { DamagedFileError, DurableJsonFile } from "./durable-json-file.adapter.ts";

let directory: string;
const schema = z.object({ n: z.int() });

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stele-json-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const openFile = () => new DurableJsonFile(join(directory, "a.json"), schema);

test("a document is read back, and nothing else is left in the directory", async () => {
  expect(await openFile().read()).toBeNull();
  await openFile().write({ n: 1 });
  expect(await openFile().read()).toEqual({ n: 1 });
  expect(readdirSync(directory)).toEqual(["a.json"]);
});

test("of documents written at once the last one stays, and all writers hear when it is durable", async () => {
  const file = openFile();
  const writes = [1, 2, 3, 4].map((n) => file.write({ n }));
  await writes[1];
  expect(await file.read()).toEqual({ n: 4 });
  await Promise.all(writes);
  await file.write({ n: 5 });
  expect(await file.read()).toEqual({ n: 5 });
});

test("a document cut short or of another shape is named as damaged, and kept", async () => {
  for (const text of ["", `{"n": 1`, `{"n": "1"}`, "[]"]) {
    writeFileSync(join(directory, "a.json"), text);
    await expect(openFile().read()).rejects.toThrow(DamagedFileError);
    await expect(openFile().read()).rejects.toThrow(/a\.json is not readable/);
    expect(readFileSync(join(directory, "a.json"), "utf8")).toBe(text);
  }
});

test("a failed write fails its writers and leaves the document before", async () => {
  const file = openFile();
  await file.write({ n: 1 });
  mkdirSync(join(directory, ".a.json.new"));
  const failed = [file.write({ n: 2 }), file.write({ n: 3 })];
  for (const write of failed) await expect(write).rejects.toThrow("EISDIR");
  expect(await file.read()).toEqual({ n: 1 });
});
