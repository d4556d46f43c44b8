// Tables: create, list, show, drop.
import { EXIT, usageError } from "../cli-error.ts";
import { confirmDestruction } from "../confirm.ts";
import type { CliContext } from "../context.ts";
import { counted } from "../counted.ts";
import { toJsonBytes } from "../json-bytes.ts";
import { parseKey } from "../key-text.ts";
import { writeRecord, writeRecords } from "../output/records.ts";
import type { Field } from "../output/records.ts";
import { ProblemError } from "../problem.ts";
import type { RestClient } from "../rest-client.ts";
import { tablePath } from "../rest-path.ts";
import { withSession } from "../session.ts";
import type { GlobalOptions } from "../session.ts";

interface FamilyRule {
  readonly maxVersions?: number | null;
  readonly maxAgeSeconds?: number | null;
}

interface Table {
  readonly name: string;
  readonly families: Readonly<Record<string, FamilyRule>>;
  readonly partitioning: string;
  readonly replicas: number;
  readonly tablets: number;
  readonly deletionProtection: boolean;
  readonly createdAt: string;
}

export interface CreateOptions extends GlobalOptions {
  readonly family?: readonly string[];
  readonly split?: readonly string[];
  readonly replicas?: number;
  readonly protect?: boolean;
  readonly ifNotExists?: boolean;
}

/** What the server grants calls on tables. */
export const TABLE_CALL_MS = 60_000;

const fields: readonly [Field<Table>, ...Field<Table>[]] = [
  { name: "name", text: ({ name }) => name },
  { name: "families", text: ({ families }) => Object.entries(families).map(familyText).join(" ") },
  { name: "partitioning", text: ({ partitioning }) => partitioning },
  { name: "tablets", text: ({ tablets }) => String(tablets), isNumber: true },
  { name: "replicas", text: ({ replicas }) => String(replicas), isNumber: true },
  { name: "protected", text: ({ deletionProtection }) => (deletionProtection ? "yes" : "no") },
  { name: "created", text: ({ createdAt }) => createdAt },
];

/** As `table create --family` takes it; defaults are left out. */
function familyText([name, { maxVersions, maxAgeSeconds }]: readonly [string, FamilyRule]): string {
  const versions = maxVersions === null ? "all" : maxVersions;
  const shown = versions === undefined || versions === 1 ? "" : `,maxVersions=${versions}`;
  const age = maxAgeSeconds ?? null;
  return `${name}${shown}${age === null ? "" : `,maxAgeSeconds=${age}`}`;
}

export function createTable(
  context: CliContext,
  [name = ""]: readonly string[],
  options: CreateOptions,
): Promise<number> {
  return withSession(context, options, async ({ client, format, tell }) => {
    const { family, split, replicas, protect, ifNotExists } = options;
    const body = {
      name,
      families: family === undefined ? undefined : Object.fromEntries(family.map(parseFamily)),
      splitKeys: split?.map((key) => toJsonBytes(parseKey(key, "--split"))),
      replicas,
      deletionProtection: protect === true ? true : undefined,
    };
    try {
      const reply = await client.call({
        method: "POST",
        path: "/tables",
        body: { kind: "json", value: body },
        timeoutMs: TABLE_CALL_MS,
      });
      await writeRecord(reply.json<Table>(), { context, format, fields });
    } catch (error) {
      const exists = error instanceof ProblemError && error.code === "TABLE_EXISTS";
      if (!exists || ifNotExists !== true) throw error;
      tell(`the table ${name} exists already`);
    }
  });
}

/** `name[,maxVersions=N|all][,maxAgeSeconds=N]` */
function parseFamily(text: string): readonly [string, FamilyRule] {
  const [name = "", ...settings] = text.split(",");
  const rule: { maxVersions?: number | null; maxAgeSeconds?: number } = {};
  for (const setting of settings) {
    const [, key, value] = /^(maxVersions|maxAgeSeconds)=(all|\d{1,15})$/.exec(setting) ?? [];
    if (key === "maxVersions") rule.maxVersions = value === "all" ? null : Number(value);
    else if (key === "maxAgeSeconds" && value !== "all") rule.maxAgeSeconds = Number(value);
    else {
      throw usageError(
        `--family ${text}: ${JSON.stringify(setting)} is no rule`,
        "For example --family log,maxVersions=5 or --family log,maxVersions=all,maxAgeSeconds=86400",
      );
    }
  }
  return [name, rule];
}

export function listTables(
  context: CliContext,
  _args: readonly string[],
  options: GlobalOptions,
): Promise<number> {
  return withSession(context, options, async ({ client, format }) => {
    const reply = await client.call({ method: "GET", path: "/tables", timeoutMs: TABLE_CALL_MS });
    const { tables } = reply.json<{ readonly tables: readonly Table[] }>();
    await writeRecords(tables, { context, format, fields });
  });
}

export function showTable(
  context: CliContext,
  [name = ""]: readonly string[],
  options: GlobalOptions,
): Promise<number> {
  return withSession(context, options, async ({ client, format }) => {
    await writeRecord(await describeTable(client, name), { context, format, fields });
  });
}

async function describeTable(client: RestClient, name: string): Promise<Table> {
  const path = tablePath(name);
  const reply = await client.call({ method: "GET", path, timeoutMs: TABLE_CALL_MS });
  return reply.json<Table>();
}

export function dropTable(
  context: CliContext,
  [name = ""]: readonly string[],
  options: GlobalOptions,
): Promise<number> {
  return withSession(context, options, async ({ client, tell }) => {
    const yes = options.yes === true || options.curl === true;
    if (!yes) {
      const { tablets, replicas } = await describeTable(client, name);
      const size = `${counted(tablets, "tablet")}, ${counted(replicas, "replica")}`;
      const what = `This drops the table ${name} with all its rows (${size})`;
      await confirmDestruction(context, { what, name, yes });
    }
    const path = tablePath(name);
    await client.call({ method: "DELETE", path, timeoutMs: TABLE_CALL_MS });
    tell(`dropped the table ${name}`);
    return EXIT.ok;
  });
}
