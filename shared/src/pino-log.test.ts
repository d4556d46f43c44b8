import { expect, test } from "vitest";
import { pinoLog } from "./pino-log.adapter.ts";

function capture() {
  const lines: Record<string, unknown>[] = [];
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) };
  return { lines, stream };
}

test("a line carries the process's fields, its own, and errors with their causes", () => {
  const { lines, stream } = capture();
  const log = pinoLog({ level: "info", fields: { role: "master", name: "m1" }, stream });
  const error = new Error("cannot append", { cause: new Error("EIO") });
  log.with({ tabletId: 7 }).error({ error }, "the commit log failed");
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({
    role: "master",
    name: "m1",
    tabletId: 7,
    msg: "the commit log failed",
    error: { type: "Error", message: "cannot append", cause: { message: "EIO" } },
  });
});

test("lines below the level are not written", () => {
  const { lines, stream } = capture();
  const log = pinoLog({ level: "warn", fields: {}, stream });
  log.debug({}, "a");
  log.info({}, "b");
  log.warn({}, "c");
  expect(lines.map(({ msg }) => msg)).toEqual(["c"]);
});
