import { expect, test } from "vitest";
import { shellBlocks } from "./shell-blocks.ts";

test("shell blocks are found with their lines, blocks of other languages are not", () => {
  const markdown = [
    "# T",
    "```sh",
    "a",
    "b",
    "```",
    "```",
    "not a command",
    "```",
    "```bash",
    "c",
    "```",
  ];
  expect(shellBlocks(markdown.join("\n"))).toEqual([
    { line: 2, text: "a\nb" },
    { line: 9, text: "c" },
  ]);
});

test("a fence that never closes is an error", () => {
  expect(() => shellBlocks("```sh\na")).toThrow("line 1");
});
