import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const module = fileURLToPath(new URL("fatal.adapter.ts", import.meta.url));

function run(body: string) {
  const code = `import { endProcess, endProcessOnUncaught } from ${JSON.stringify(module)};${body}`;
  const args = ["--input-type=module", "-e", code];
  const { signal, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  return { signal, stdout, lines: stderr.trimEnd().split("\n") };
}

/** Message of the one line that must be there. */
function lastWords({ signal, stdout, lines }: ReturnType<typeof run>): string {
  expect(signal).toBe("SIGABRT");
  expect(stdout).toBe("");
  expect(lines).toHaveLength(1);
  const line = JSON.parse(lines[0] ?? "") as { level: number; msg: string };
  expect(line.level).toBe(60);
  return line.msg;
}

test("a process ends at once, with one line that names the reason and every cause", () => {
  const result = run(`
    process.on("exit", () => console.log("exit handlers ran"));
    const cause = new Error("EIO: i/o error, fdatasync");
    try { endProcess("the commit log failed", new Error("cannot append", { cause })); }
    finally { console.log("went on"); }`);
  const causes = "cannot append: EIO: i/o error, fdatasync";
  expect(lastWords(result)).toBe(`the process ends: the commit log failed: ${causes}`);
});

test("an error that nobody caught ends the process", () => {
  const thrown = run(`endProcessOnUncaught(); setTimeout(() => { throw new Error("a bug"); });`);
  expect(lastWords(thrown)).toContain("an error was not caught: a bug");
  const rejected = run(
    `endProcessOnUncaught(); setInterval(() => {}, 1000); Promise.reject("odd");`,
  );
  expect(lastWords(rejected)).toContain("a rejection was not handled: 'odd'");
});
