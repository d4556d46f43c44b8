/** The options of `npm run mutants`. */
import { expect, test } from "vitest";
import { allMutants } from "./all-mutants.ts";
import { mutantsCommand } from "./mutants-command.ts";
import type { MutantsOptions } from "./mutants-command.ts";

function parsed(...args: string[]): MutantsOptions {
  const command = mutantsCommand(2)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return command.parse(args, { from: "user" }).opts();
}

test("unless told, every bug is hunted in 2 000 seeds", () => {
  expect(parsed()).toEqual({ only: allMutants, seeds: 2000, from: 1, jobs: 2 });
});

test("bugs are chosen by number and by name, in the order of all", () => {
  const { only } = parsed("--only", "failed FSYNC", "--only", "8", "--only", "21");
  expect(only.map(({ number }) => number)).toEqual([8, 8, 21]);
});

test("what cannot be hunted is refused", () => {
  expect(() => parsed("--only", "no such bug")).toThrow("No planted bug");
  expect(() => parsed("--only", "")).toThrow("must be a number or words of a name");
  expect(() => parsed("--only", "8", "--only", " ")).toThrow("must be a number or words of a name");
  expect(() => parsed("--seeds", "0")).toThrow("must be at least 1");
  expect(() => parsed("--jobs", "x")).toThrow("must be a whole number");
  expect(() => parsed("8")).toThrow("too many arguments");
});
