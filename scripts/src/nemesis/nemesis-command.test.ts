/** The options of `npm run nemesis`, and what it says. */
import { expect, test } from "vitest";
import { InvariantError } from "@stele/shared/assert.ts";
import { FAULT_KINDS } from "./faults/fault.ts";
import { failureText, figuresText, nemesisCommand, toolFaultText } from "./nemesis-command.ts";
import type { NemesisReport } from "./nemesis-run.ts";

function parsed(...args: string[]): unknown {
  const command = nemesisCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return command.parse(args, { from: "user" }).opts();
}

const REPORT: NemesisReport = {
  problems: [],
  faults: new Map([
    ["kill", 2],
    ["one-way", 1],
  ]),
  marks: new Map(),
  operations: new Map([
    ["writes acknowledged", 70],
    ["reads", 20],
    ["refused", 5],
    ["unknown", 5],
  ]),
  steps: 60,
  tabletsCompared: 4,
  tookMs: 12_345,
};

test("unless told, every fault strikes for two minutes", () => {
  expect(parsed()).toEqual({
    duration: 120_000,
    only: FAULT_KINDS,
    masters: 3,
    tabletServers: 5,
    frontends: 2,
    clients: 10,
  });
});

test("faults are named with commas between, and unknown ones are refused", () => {
  expect(parsed("--only", "kill,one-way", "--seed", "7")).toMatchObject({
    only: ["kill", "one-way"],
    seed: 7,
  });
  expect(() => parsed("--only", "kill,rain")).toThrow("rain is none of kill, pause");
  for (const empty of ["", ",", "kill,"]) {
    expect(() => parsed("--only", empty)).toThrow(/must be some of kill, pause.*commas between/);
  }
  expect(() => parsed("--duration", "0s")).toThrow("must be longer than that");
  expect(() => parsed("--duration", "10")).toThrow("must be a duration");
  expect(() => parsed("kill")).toThrow("too many arguments");
});

test("clusters that cannot be are refused", () => {
  expect(() => parsed("--masters", "2")).toThrow("must be 1, 3 or 5");
  expect(() => parsed("--tablet-servers", "2")).toThrow("must be at least 3");
  expect(() => parsed("--frontends", "0")).toThrow("must be at least 1");
  expect(() => parsed("--clients", "0")).toThrow("must be at least 1");
});

test("the figures are one line", () => {
  expect(figuresText(7, REPORT)).toBe(
    "seed 7; 12 s; 3 faults (kill 2, one-way 1); 100 operations (70 writes acknowledged, 20 reads, " +
      "5 refused, 5 unknown); 4 tablets compared; nothing found wrong",
  );
});

test("a failure says what is wrong, what is kept and how to run again", () => {
  const problems = Array.from({ length: 12 }, (_, at) => {
    return { checker: "linearizability", detail: `row ${at}` } as const;
  });
  const again = "npm run nemesis -- --seed 7";
  const text = failureText({ ...REPORT, problems }, { directory: "/kept/here", again });
  expect(text).toContain("FOUND WRONG: linearizability\nrow 0");
  expect(text).toContain("and 2 more");
  expect(text).toContain("Kept in /kept/here");
  expect(text).toContain(again);
  expect(figuresText(7, { ...REPORT, problems })).toContain("12 found wrong");
});

test("an error of the command is told as its own bug, with its stack and what is kept", () => {
  const text = toolFaultText(new InvariantError("a row of no table"), "/kept/here");
  expect(text).toContain("a bug of the nemesis itself");
  expect(text).toMatch(/InvariantError: a row of no table\n +at /);
  expect(text).toContain("kept in /kept/here");
  expect(toolFaultText("no error", null)).not.toContain("kept");
});
