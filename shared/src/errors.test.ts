import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ERROR_KINDS } from "./errors.ts";

test("docs/ERRORS.md has exactly the codes of the error table, with status, retry and title", () => {
  const document = readFileSync(new URL("../../docs/ERRORS.md", import.meta.url), "utf8");
  const rows = [...document.matchAll(/^\| `([A-Z0-9_]+)` \| (\d+) \| (yes|no) \| (.+) \|$/gm)];
  const documented = rows.map(([, code, status, retry, title]) => [
    code,
    Number(status),
    retry === "yes",
    title,
  ]);
  const table = Object.entries(ERROR_KINDS).map(([code, { status, retryable, title }]) => [
    code,
    status,
    retryable,
    title,
  ]);
  expect(documented).toEqual(table);
});
