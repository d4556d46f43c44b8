// The tasks behind the npm scripts: test, test:long, lint, format, typecheck.
import { checks } from "./checks.ts";
import { runCommand, tool } from "./command.ts";
import { testEverything, testLong, testMatching } from "./test-run.ts";

const [task, ...args] = process.argv.slice(2);

async function run(): Promise<number> {
  switch (task) {
    case "test":
      return args.length > 0 ? testMatching(args) : testEverything();
    case "test:long":
      return testLong(args);
    case "lint": {
      let failed = 0;
      for (const check of [checks.lint, checks.sources]) failed += await runCommand(check);
      return failed === 0 ? 0 : 1;
    }
    case "format":
      return runCommand({ name: "format", args: [tool.format, "--write", ...args] });
    case "typecheck":
      return runCommand(checks.types);
    default:
      console.error(`unknown task ${task ?? "(none)"}`);
      return 2;
  }
}

process.exitCode = await run();
