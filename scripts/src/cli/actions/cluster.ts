// The cluster as an operator sees it: status, servers, tablets.
import { styleText } from "node:util";
import { CliError, EXIT } from "../cli-error.ts";
import type { CliContext } from "../context.ts";
import { fromJsonBytes } from "../json-bytes.ts";
import type { JsonBytes } from "../json-bytes.ts";
import { printKey } from "../key-text.ts";
import { OutputWriter } from "../output/output-writer.ts";
import { writeRecord, writeRecords } from "../output/records.ts";
import type { Field } from "../output/records.ts";
import type { RestClient } from "../rest-client.ts";
import { percentEncode, tablePath } from "../rest-path.ts";
import type { Query } from "../rest-path.ts";
import { withSession } from "../session.ts";
import type { GlobalOptions, Session } from "../session.ts";
import { TABLE_CALL_MS } from "./tables.ts";

interface Status {
  readonly status: "green" | "yellow" | "red";
  readonly reasons: readonly {
    readonly code: string;
    readonly detail: string;
    readonly next: string;
  }[];
}

interface Server {
  readonly id: string;
  readonly serverId: string;
  readonly url: string;
  readonly state: string;
  readonly lastSeenMs: number | null;
  readonly replicas: number;
  readonly leaders: number;
  readonly sizeBytes: number;
}

interface Tablet {
  readonly id: string;
  readonly table?: string;
  readonly start: JsonBytes | null;
  readonly end: JsonBytes | null;
  readonly generation: number;
  readonly leader: string | null;
  readonly replicas: readonly {
    readonly server: string;
    readonly role: string;
    readonly lag: number | null;
  }[];
  readonly sizeBytes: number;
  readonly rows: number;
}

interface Verification {
  readonly index: number;
  readonly equal: boolean;
  readonly replicas: readonly {
    readonly server: string;
    readonly rows: number;
    readonly hash: string;
  }[];
}

export function showStatus(
  context: CliContext,
  _args: readonly string[],
  options: GlobalOptions,
): Promise<number> {
  return withSession(context, options, async ({ client, format }) => {
    const status = (await adminCall(client, "/status")).json<Status>();
    if (format === "table") {
      await new OutputWriter(context.stdout).write(statusText(status, context));
      return;
    }
    const fields = [
      { name: "status", text: (record: Status) => record.status },
      {
        name: "reasons",
        text: ({ reasons }: Status) => reasons.map(({ code }) => code).join(" "),
      },
    ] as const;
    await writeRecord(status, { context, format, fields: [fields[0], fields[1]] });
  });
}

function statusText({ status, reasons }: Status, { stdout }: CliContext): string {
  const coloured = stdout.isTTY === true ? styleText(status, status, { stream: stdout }) : status;
  const lines = reasons.map(
    ({ code, detail, next }) => `  ${code}: ${detail}\n    next: ${next}\n`,
  );
  return `${coloured}\n${lines.join("")}`;
}

const serverFields: readonly [Field<Server>, ...Field<Server>[]] = [
  { name: "id", text: ({ id }) => id },
  { name: "state", text: ({ state }) => state },
  { name: "url", text: ({ url }) => url },
  { name: "replicas", text: ({ replicas }) => String(replicas), isNumber: true },
  { name: "leaders", text: ({ leaders }) => String(leaders), isNumber: true },
  { name: "size", text: ({ sizeBytes }) => bytesText(sizeBytes), isNumber: true },
  {
    name: "last seen",
    text: ({ lastSeenMs }) => (lastSeenMs === null ? "never" : `${lastSeenMs} ms ago`),
    isNumber: true,
  },
  { name: "serverId", text: ({ serverId }) => serverId },
];

export function listServers(
  context: CliContext,
  _args: readonly string[],
  options: GlobalOptions,
): Promise<number> {
  return withSession(context, options, async ({ client, format }) => {
    const reply = await adminCall(client, "/servers");
    const { servers } = reply.json<{ readonly servers: readonly Server[] }>();
    await writeRecords(servers, { context, format, fields: serverFields });
  });
}

const tabletFields: readonly [Field<Tablet>, ...Field<Tablet>[]] = [
  { name: "id", text: ({ id }) => id },
  { name: "table", text: ({ table }) => table ?? "" },
  { name: "start", text: ({ start }) => boundText(start) },
  { name: "end", text: ({ end }) => boundText(end) },
  { name: "leader", text: ({ leader }) => leader ?? "none" },
  {
    name: "replicas",
    text: ({ replicas }) =>
      replicas.map(({ server, role, lag }) => `${server}${replicaText(role, lag)}`).join(" "),
  },
  { name: "rows", text: ({ rows }) => `~${rows}`, isNumber: true },
  { name: "size", text: ({ sizeBytes }) => `~${bytesText(sizeBytes)}`, isNumber: true },
  { name: "generation", text: ({ generation }) => String(generation), isNumber: true },
];

/** A follower that keeps up needs no words. */
function replicaText(role: string, lag: number | null): string {
  const notes = [
    ...(role === "leader" || role === "follower" ? [] : [role]),
    ...(lag === null || lag === 0 ? [] : [`-${lag}`]),
  ];
  return notes.length === 0 ? "" : `(${notes.join(" ")})`;
}

function boundText(bound: JsonBytes | null): string {
  return bound === null ? "" : printKey(fromJsonBytes(bound));
}

export function listTablets(
  context: CliContext,
  [table]: readonly string[],
  options: GlobalOptions,
): Promise<number> {
  return withSession(context, options, async ({ client, format }) => {
    const path = table === undefined ? "/tablets" : tablePath(table, "/tablets");
    const tablets: Tablet[] = [];
    let pageToken: string | undefined;
    do {
      const page = (await adminCall(client, path, { pageToken })).json<{
        readonly tablets: readonly Tablet[];
        readonly nextPageToken?: string;
      }>();
      tablets.push(...page.tablets.map((tablet) => (table ? { table, ...tablet } : tablet)));
      pageToken = page.nextPageToken;
    } while (pageToken !== undefined);
    await writeRecords(tablets, { context, format, fields: tabletFields });
  });
}

export function showTablet(
  context: CliContext,
  [id = ""]: readonly string[],
  options: GlobalOptions,
): Promise<number> {
  return withSession(context, options, async ({ client, format }) => {
    const tablet = (await adminCall(client, tabletPath(id))).json<Tablet>();
    await writeRecord(tablet, { context, format, fields: tabletFields });
  });
}

export function verifyTablet(
  context: CliContext,
  [id = ""]: readonly string[],
  options: GlobalOptions,
): Promise<number> {
  return withSession(context, options, async (session) => {
    const { client } = session;
    const path = `${tabletPath(id)}:verify`;
    const reply = await client.call({ method: "POST", path, timeoutMs: TABLE_CALL_MS });
    const result = reply.json<Verification>();
    await writeVerification(session, result);
    if (!result.equal) {
      throw new CliError(
        EXIT.other,
        `the replicas of tablet ${id} differ at index ${result.index}`,
      );
    }
  });
}

async function writeVerification(
  { context, format }: Session,
  result: Verification,
): Promise<void> {
  type Replica = Verification["replicas"][number];
  if (format === "json" || format === "ndjson") {
    const field = { name: "index", text: ({ index }: Verification) => String(index) };
    return writeRecord(result, { context, format, fields: [field] });
  }
  const fields: readonly [Field<Replica>, ...Field<Replica>[]] = [
    { name: "server", text: ({ server }) => server },
    { name: "rows", text: ({ rows }) => String(rows), isNumber: true },
    { name: "hash", text: ({ hash }) => hash },
  ];
  await writeRecords(result.replicas, { context, format, fields });
}

function tabletPath(id: string): string {
  return `/tablets/${percentEncode(Buffer.from(id, "utf8"))}`;
}

function adminCall(client: RestClient, path: string, query: Query = {}) {
  return client.call({ method: "GET", path, query, timeoutMs: TABLE_CALL_MS });
}

const units = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

export function bytesText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const amount = bytes / 1024 ** power;
  return `${power === 0 ? amount : amount.toFixed(1)} ${units[power]}`;
}
