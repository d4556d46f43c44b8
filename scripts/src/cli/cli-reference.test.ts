import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { cliReference, leaves } from "./cli-reference.ts";
import { fullName } from "./command-name.ts";
import { buildProgram } from "./program.ts";
import { cliRun, memoryContext } from "./testing/cli-run.ts";

const page = fileURLToPath(new URL("../../../docs/CLI.md", import.meta.url));

function program() {
  const { context, stdout } = memoryContext();
  const { command } = buildProgram({ context, version: "0", serverFlags: [] });
  const capture = (print: () => void): string => {
    const before = stdout.text().length;
    print();
    return stdout.text().slice(before);
  };
  return { command, capture };
}

test("docs/CLI.md is what the commands say of themselves (vitest -u writes it)", async () => {
  const { command, capture } = program();
  await expect(cliReference(command, capture)).toMatchFileSnapshot(page);
});

test("every command has help with an example", async () => {
  const names = leaves(program().command).map(fullName);
  expect(names.length).toBeGreaterThan(15);
  for (const name of names) {
    const help = await cliRun([...name.split(" ").slice(1), "--help"]);
    expect(help).toMatchObject({ exitCode: 0, stderr: "" });
    expect(help.stdout).toMatch(/\nExamples:\n {2}(stele|npm) /);
  }
});
