// `stele start <role>`: becomes that server.
import { SERVER_ROLES } from "@stele/shared/server-role.ts";
import type { ServerRole } from "@stele/shared/server-role.ts";

type RunServer = (argv: readonly string[], env: NodeJS.ProcessEnv) => Promise<void>;

export function isServerRole(text: string | undefined): text is ServerRole {
  return (SERVER_ROLES as readonly (string | undefined)[]).includes(text);
}

/** @param argv the arguments behind the role */
export async function runServer(role: ServerRole, argv: readonly string[]): Promise<void> {
  // Read when the first asynchronous file call makes the pool. The store's compactions share it.
  process.env["UV_THREADPOOL_SIZE"] ??= "8";
  const run = await loadServer(role);
  await run(argv, process.env);
  const isHelp = argv.includes("--help") || argv.includes("-h");
  if (isHelp) process.stdout.write(`\nExamples:\n  ${examples[role]}\n`);
}

const examples: Readonly<Record<ServerRole, string>> = {
  master:
    "stele start master --name m1 --data-dir /srv/m1 --listen 127.0.0.1:7080 --bootstrap \\\n" +
    "      --masters http://127.0.0.1:7080",
  "tablet-server":
    "stele start tablet-server --name ts1 --data-dir /srv/ts1 --listen 127.0.0.1:7090 \\\n" +
    "      --masters http://127.0.0.1:7080",
  frontend:
    "stele start frontend --name fe1 --data-dir /srv/fe1 --listen 127.0.0.1:7070 \\\n" +
    "      --masters http://127.0.0.1:7080",
};

const entries: Readonly<Record<ServerRole, { module: string; name: string }>> = {
  master: { module: "@stele/master/main.ts", name: "runMaster" },
  "tablet-server": { module: "@stele/tablet-server/main.ts", name: "runTabletServer" },
  frontend: { module: "@stele/frontend/main.ts", name: "runFrontend" },
};

/** By name, so that no server loads the code of another. */
async function loadServer(role: ServerRole): Promise<RunServer> {
  const { module, name } = entries[role];
  const exports = (await import(module)) as Readonly<Record<string, RunServer>>;
  const run = exports[name];
  if (run === undefined) throw new Error(`${module} does not export ${name}`);
  return run;
}
