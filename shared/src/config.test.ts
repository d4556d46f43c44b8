import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KNOBS } from "./config-knobs.ts";
import type { ServerConfig } from "./config-knobs.ts";
import { bytes, showBytes } from "./config-values.ts";
import { ConfigError, parseServerConfig, serverConfigHelp } from "./config.ts";
import type { ServerRole } from "./server-role.ts";

const MIB = 2 ** 20;

function parse(flags: string, role: ServerRole = "tablet-server", env = {}): ServerConfig {
  const argv = flags.split(" ").filter((part) => part !== "");
  const parsed = parseServerConfig(role, argv, env);
  if (parsed.kind === "help") throw new Error("help was asked for");
  return parsed.config;
}

function problems(flags: string, role: ServerRole = "tablet-server", env = {}): readonly string[] {
  try {
    parse(flags, role, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test("flags come before variables, and both before the defaults", () => {
  const env = { STELE_DATA_DIR: "/env", STELE_SEGMENT_BYTES: "32MiB", STELE_LOG_LEVEL: "debug" };
  const config = parse("--data-dir /flag --segment-bytes=1048576", "tablet-server", env);
  expect(config).toMatchObject({ dataDir: "/flag", segmentBytes: MIB, logLevel: "debug" });
  expect(config.retainedLogBytes).toBe(8 * MIB);
});

test("the flags of the launcher make a config", () => {
  const masters = "http://127.0.0.1:7080,http://127.0.0.1:7081";
  const flags = `--name ts1 --data-dir d --listen 127.0.0.1:7090 --advertise http://127.0.0.1:7090 --masters ${masters}`;
  for (const role of ["master", "tablet-server", "frontend"] as const) {
    expect(parse(flags, role)).toMatchObject({
      name: "ts1",
      listen: { host: "127.0.0.1", port: 7090 },
      advertise: "http://127.0.0.1:7090",
      masters: ["http://127.0.0.1:7080", "http://127.0.0.1:7081"],
      clusterTokenFile: null,
    });
  }
});

describe("a config is refused, with every problem named,", () => {
  test("when values are no values of their kind", () => {
    const flags =
      "--name A_b --listen 7090 --advertise ftp://x --masters http://a:1,b --segment-bytes 64MB " +
      "--server-gone-ms 1.5 --log-level loud --timing-scale fast";
    const named = problems(flags).map((problem) => problem.split(" ")[0]);
    expect(named).toEqual([
      "--data-dir",
      "--name",
      "--listen",
      "--advertise",
      "--masters",
      "--log-level",
      "--timing-scale",
      "--segment-bytes",
      "--server-gone-ms",
    ]);
  });

  test("by the variable's name when a variable is wrong", () => {
    const env = { STELE_WRITE_BUFFER_BYTES: "1", STELE_DATA_DIR: "d" };
    expect(problems("", "tablet-server", env)).toEqual([
      "STELE_WRITE_BUFFER_BYTES must be a size of 64KiB to 1GiB, such as 64MiB",
    ]);
  });

  test("when a flag is unknown, doubled words are left over, or a value is missing", () => {
    for (const flags of ["--data-dir d --segmentbytes 1", "--data-dir d extra", "--data-dir"]) {
      expect(problems(flags)).toHaveLength(1);
    }
  });

  test("when it listens beyond loopback without a token, or nowhere in particular", () => {
    const everywhere = problems("--data-dir d --listen 0.0.0.0:7090");
    expect(everywhere).toHaveLength(2);
    expect(everywhere[0]).toContain("--cluster-token-file is required");
    expect(everywhere[1]).toContain("--advertise is required");
    expect(problems("--data-dir d --listen db1.example:7090")).toHaveLength(1);
    expect(problems("--data-dir d --listen db1.example:7090 --cluster-token-file t")).toEqual([]);
    for (const host of ["127.0.0.1", "127.1.2.3", "localhost", "[::1]"]) {
      expect(problems(`--data-dir d --listen ${host}:0`)).toEqual([]);
    }
    for (const host of ["127.0.0.1.evil.example", "[::]", "10.0.0.1"]) {
      expect(problems(`--data-dir d --listen ${host}:0`)).not.toEqual([]);
    }
  });

  test("when a relation between values does not hold for its role", () => {
    const broken: readonly (readonly [string, ServerRole])[] = [
      ["--checkpoint-bytes 8MiB", "tablet-server"],
      ["--payload-cache-bytes 8MiB", "master"],
      ["--idempotency-ttl-ms 5000", "tablet-server"],
      ["--server-gone-ms 2000", "master"],
      ["--timing-scale 2", "master"],
    ];
    for (const [flags, role] of broken) {
      expect(problems(`--data-dir d ${flags}`, role)).toHaveLength(1);
      expect(problems(`--data-dir d ${flags}`, "frontend")).toEqual([]);
    }
  });
});

test("help shows exactly the flags that the role looks at", () => {
  expect(parseServerConfig("master", ["--help"], {}).kind).toBe("help");
  for (const role of ["master", "tablet-server", "frontend"] as const) {
    const shown = [...serverConfigHelp(role).matchAll(/^ {2}--([a-z-]+) </gm)].map(
      ([, flag]) => flag,
    );
    const expected = Object.values(KNOBS).filter(({ roles }) => roles.includes(role));
    expect(shown).toHaveLength(expected.length);
    expect(shown).toContain("data-dir");
  }
  expect(serverConfigHelp("master")).toContain(
    "--server-gone-ms <ms>\n      The replicas of a server are replaced elsewhere after no word for so " +
      "long. (default: 300000)",
  );
  expect(serverConfigHelp("frontend")).not.toContain("--server-gone-ms");
});

test("every default is a value that its own flag would accept", () => {
  for (const role of ["master", "tablet-server", "frontend"] as const) {
    const config = parse("--data-dir d", role);
    for (const [name, knob] of Object.entries(KNOBS)) {
      if (!knob.value.hint.match(/size|ms|factor/)) continue;
      const value = config[name as keyof ServerConfig] as number | null;
      if (value === null) continue;
      expect(knob.value.parse.parse(String(value)), name).toBe(value);
    }
  }
});

test("a size reads as it is shown", () => {
  const anySize = bytes({ min: 0, max: 2 ** 50 });
  const size = fc.integer({ min: 0, max: 2 ** 20 });
  const unit = fc.constantFrom(1, 2 ** 10, 2 ** 20, 2 ** 30);
  const property = fc.property(size, unit, (count, each) => {
    expect(anySize.parse.parse(showBytes(count * each))).toBe(count * each);
  });
  fc.assert(property);
});
