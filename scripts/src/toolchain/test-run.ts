// `npm test`: static checks, then tests, then one line "N passed, N failed" over both.
//
// A check counts as one item beside the tests, so a type error alone makes "N passed, 1 failed".
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checks } from "./checks.ts";
import { collectCommand, runCommand, tool } from "./command.ts";
import type { Command } from "./command.ts";
import type { TestCounts } from "./count-reporter.ts";

/** Types alone use both cores of a small machine; the three others together use one. */
const checkLanes: readonly (readonly Command[])[] = [
  [checks.types],
  [checks.lint, checks.format, checks.sources],
];

export async function testEverything(): Promise<number> {
  const checkCounts = await runChecks();
  const testCounts = await runTests(["--project=!long"]);
  return report(checkCounts, testCounts);
}

/** Only the tests whose file name matches, at least one; no static checks, for a fast loop. */
export async function testMatching(args: readonly string[]): Promise<number> {
  return report(
    { passed: 0, failed: 0 },
    await runTests(["--project=!long", "--passWithNoTests=false", ...args]),
  );
}

/** The tests that take minutes or hours, by file name *.long.test.ts. */
export async function testLong(args: readonly string[]): Promise<number> {
  return report({ passed: 0, failed: 0 }, await runTests(["--project=long", ...args]));
}

async function runChecks(): Promise<TestCounts> {
  const failures = await Promise.all(checkLanes.map(runLane));
  const failed = failures.reduce((sum, count) => sum + count, 0);
  return { passed: checkLanes.flat().length - failed, failed };
}

/** Returns the number of failed checks. */
async function runLane(lane: readonly Command[]): Promise<number> {
  let failed = 0;
  for (const check of lane) {
    const { exitCode, output } = await collectCommand(check);
    if (exitCode === 0) {
      console.log(`ok      ${check.name}`);
    } else {
      failed += 1;
      console.log(`FAILED  ${check.name}\n${output.trimEnd()}`);
    }
  }
  return failed;
}

async function runTests(args: readonly string[]): Promise<TestCounts> {
  const directory = mkdtempSync(join(tmpdir(), "stele-test-"));
  const countsFile = join(directory, "counts.json");
  try {
    const exitCode = await runCommand(
      {
        name: "tests",
        args: [
          tool.tests,
          "run",
          "--reporter=default",
          "--reporter=./scripts/src/toolchain/count-reporter.ts",
          ...args,
        ],
      },
      { STELE_TEST_COUNTS: countsFile },
    );
    return checkedCounts(exitCode, readCounts(countsFile));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function readCounts(file: string): TestCounts {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as TestCounts;
  } catch {
    return { passed: 0, failed: 0 };
  }
}

/** A runner that failed without naming a failed test (a crash, a bad configuration) is one failure. */
function checkedCounts(exitCode: number, counts: TestCounts): TestCounts {
  if (exitCode === 0 || counts.failed > 0) return counts;
  return { passed: counts.passed, failed: 1 };
}

function report(checkCounts: TestCounts, testCounts: TestCounts): number {
  const passed = checkCounts.passed + testCounts.passed;
  const failed = checkCounts.failed + testCounts.failed;
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}
