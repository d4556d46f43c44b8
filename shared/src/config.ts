/**
 * The configuration of a server process: flags, then variables, then defaults; parsed once, all
 * problems reported together, and passed on by constructors.
 *
 * C1. A config that `parseServerConfig` returns is whole: each value in its range, and the relations
 *     between values hold.
 * C2. Flags of other roles are accepted and ignored, so that one set of flags serves a cluster; flags
 *     that nobody knows are refused.
 */
import { parseArgs } from "node:util";
import { KNOBS } from "./config-knobs.ts";
import type { Knob, ServerConfig } from "./config-knobs.ts";
import { brokenRelations } from "./config-relations.ts";
import type { ServerRole } from "./server-role.ts";

/** What the operator asked for cannot be; the message lists every problem. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(role: ServerRole, problems: readonly string[]) {
    const help = `See \`stele start ${role} --help\`.`;
    super([`${role} cannot start:`, ...problems.map((each) => `  ${each}`), help].join("\n"));
    this.problems = problems;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

type Parsed =
  | { readonly kind: "config"; readonly config: ServerConfig }
  /** `--help` was asked for; the text to print. */
  | { readonly kind: "help"; readonly text: string };

/** `argv`: what follows the role on the command line. Throws `ConfigError`. */
export function parseServerConfig(
  role: ServerRole,
  argv: readonly string[],
  env: Environment,
): Parsed {
  const flags = parseFlags(role, argv);
  if (flags["help"] === true) return { kind: "help", text: serverConfigHelp(role) };
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, knob] of knobs()) {
    const flag = flags[flagOf(name)];
    const text = typeof flag === "string" ? flag : env[variableOf(name)];
    const source = typeof flag === "string" ? `--${flagOf(name)}` : variableOf(name);
    const result = valueOf(knob, role, { text, source, flag: flagOf(name) });
    if (result.kind === "value") values[name] = result.value;
    else problems.push(result.problem);
  }
  if (problems.length > 0) throw new ConfigError(role, problems);
  const config = values as unknown as ServerConfig;
  const broken = brokenRelations(role, config);
  if (broken.length > 0) throw new ConfigError(role, broken);
  return { kind: "config", config };
}

/** The knobs that the role looks at, with units, defaults and descriptions. */
export function serverConfigHelp(role: ServerRole): string {
  const lines = knobs()
    .filter(([, knob]) => knob.roles.includes(role))
    .map(([name, knob]) => {
      const fallback =
        knob.default.kind === "required" ? "required" : `default: ${knob.default.shown}`;
      return `  --${flagOf(name)} <${knob.value.hint}>\n      ${knob.description} (${fallback})`;
    });
  return [
    `Usage: stele start ${role} --data-dir <directory> [options]`,
    "",
    ...lines,
    "",
    "Every flag can also be given as a variable: --data-dir as STELE_DATA_DIR, and so on.",
    "Sizes are bytes, or a number with KiB, MiB or GiB.",
    "",
  ].join("\n");
}

function knobs(): [keyof ServerConfig, Knob<unknown>][] {
  return Object.entries(KNOBS) as [keyof ServerConfig, Knob<unknown>][];
}

const kebab = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter}`);
const flagOf = (name: string): string => kebab(name).toLowerCase();
const variableOf = (name: string): string =>
  `STELE_${kebab(name).replaceAll("-", "_")}`.toUpperCase();

function parseFlags(role: ServerRole, argv: readonly string[]): Record<string, unknown> {
  const options: Record<string, { type: "string" | "boolean"; short?: string }> = {
    help: { type: "boolean", short: "h" },
  };
  for (const [name] of knobs()) options[flagOf(name)] = { type: "string" };
  try {
    return parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new ConfigError(role, [error instanceof Error ? error.message : String(error)]);
  }
}

interface GivenText {
  readonly text: string | undefined;
  /** The flag or variable that `text` came from. */
  readonly source: string;
  readonly flag: string;
}

type ValueResult =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "problem"; readonly problem: string };

function valueOf(knob: Knob<unknown>, role: ServerRole, given: GivenText): ValueResult {
  if (given.text !== undefined) {
    const parsed = knob.value.parse.safeParse(given.text);
    if (parsed.success) return { kind: "value", value: parsed.data };
    const wrong = parsed.error.issues.map(({ message }) => message).join("; ");
    return { kind: "problem", problem: `${given.source} ${wrong}` };
  }
  switch (knob.default.kind) {
    case "value":
      return { kind: "value", value: knob.default.value };
    case "by-role":
      return { kind: "value", value: knob.default.of(role) };
    case "required":
      return { kind: "problem", problem: `--${given.flag} is required` };
  }
}
