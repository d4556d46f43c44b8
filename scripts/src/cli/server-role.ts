// `stele start <role>`: becomes that server.
export const serverRoles = ["master", "tablet-server", "frontend"] as const;
export type ServerRole = (typeof serverRoles)[number];

type RunServer = (argv: readonly string[], env: NodeJS.ProcessEnv) => Promise<void>;

export function isServerRole(text: string | undefined): text is ServerRole {
  return (serverRoles as readonly (string | undefined)[]).includes(text);
}

/** @param argv the arguments behind the role */
export async function runServer(role: ServerRole, argv: readonly string[]): Promise<void> {
  const run = await loadServer(role);
  await run(argv, process.env);
}

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
