// Vitest reporter that leaves the test counts in a file for the summary line.
import { writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
}

// Vitest loads a reporter by file, as its default export.
// oxlint-disable-next-line import/no-default-export
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts = { passed: 0, failed: unhandledErrors.length };
    for (const module of modules) {
      const { passed, failed } = countModule(module);
      counts.passed += passed;
      counts.failed += failed;
    }
    const file = process.env["STELE_TEST_COUNTS"];
    if (file !== undefined) writeFileSync(file, JSON.stringify(counts));
  }
}

function countModule(module: TestModule): TestCounts {
  let passed = 0;
  let failed = 0;
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    if (state === "passed") passed += 1;
    if (state === "failed") failed += 1;
  }
  // A file that fails to load has no tests to fail.
  if (failed === 0 && module.state() === "failed") failed = 1;
  return { passed, failed };
}
