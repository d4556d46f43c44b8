/** `npm run mutants`: its options. */
import { Command, InvalidArgumentError, Option } from "commander";
import { parseAtLeast, parseCount } from "../cli/option-values.ts";
import { allMutants, mutantsNamed } from "./all-mutants.ts";
import type { Mutant } from "./mutant.ts";

export interface MutantsOptions {
  /** In the order of all. */
  readonly only: readonly Mutant[];
  readonly seeds: number;
  readonly from: number;
  readonly jobs: number;
}

export function mutantsCommand(cores: number): Command {
  return new Command("npm run mutants --")
    .description(
      "Plants one bug after the other into a copy of the sources and has the simulation look for it.\n\n" +
        "Exit codes: 0 all were caught, 1 some survived or nothing could be said, 2 usage, 130 interrupted by " +
        "Ctrl-C: what was found until then is printed (143 by SIGTERM, 129 by SIGHUP).",
    )
    .addOption(
      new Option("--only <bug>", "its number, or words of its name; may be given several times")
        .argParser(parseBugs)
        .default(allMutants, "all"),
    )
    .addOption(
      new Option("--seeds <n>", "in which each must be caught")
        .argParser(parseAtLeast(1))
        .default(2000),
    )
    .addOption(new Option("--from <n>", "the first of them").argParser(parseCount).default(1))
    .addOption(new Option("--jobs <n>", "bugs at a time").argParser(parseAtLeast(1)).default(cores))
    .allowExcessArguments(false)
    .showHelpAfterError("(--help lists the options)");
}

function parseBugs(text: string, before: readonly Mutant[]): readonly Mutant[] {
  if (text.trim() === "") throw new InvalidArgumentError("It must be a number or words of a name.");
  const found = mutantsNamed(text);
  if (found.length === 0) throw new InvalidArgumentError("No planted bug has this name or number.");
  const wanted = new Set(before === allMutants ? found : [...before, ...found]);
  return allMutants.filter((mutant) => wanted.has(mutant));
}
