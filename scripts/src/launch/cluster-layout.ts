// Which processes make up a local cluster, and where each listens. Pure.
//
// One block of 100 ports: front-ends at its start (fe1 is the base port itself), masters 10 above,
// tablet servers 20 above. So the ports of a process never depend on how many others there are, and
// adding a server moves no other.
import { join } from "node:path";
import type { ServerRole } from "@stele/shared/server-role.ts";

export interface ClusterShape {
  readonly masters: number;
  readonly tabletServers: number;
  readonly frontends: number;
}

export interface ServerPlan {
  readonly role: ServerRole;
  /** m1, ts1, fe1, ...: the operator's name of the process. */
  readonly id: string;
  readonly port: number;
  readonly url: string;
  readonly dataDir: string;
}

export const HOST = "127.0.0.1";
export const DEFAULT_PORT = 7070;
/** From one block to the next, and the size of a block. */
export const BLOCK_PORTS = 100;
export const MAX_PORT = 65_535;

export const LIMITS = { frontends: 10, tabletServers: BLOCK_PORTS - 20 } as const;

const offsets: Readonly<Record<ServerRole, number>> = {
  frontend: 0,
  master: 10,
  "tablet-server": 20,
};
const prefixes: Readonly<Record<ServerRole, string>> = {
  frontend: "fe",
  master: "m",
  "tablet-server": "ts",
};

/** In start order: masters, tablet servers, front-ends. */
export function planServers(shape: ClusterShape, base: number, dataDir: string): ServerPlan[] {
  const plan = (role: ServerRole, count: number): ServerPlan[] =>
    Array.from({ length: count }, (_, index) => {
      const id = `${prefixes[role]}${index + 1}`;
      const port = base + offsets[role] + index;
      return { role, id, port, url: `http://${HOST}:${port}`, dataDir: join(dataDir, id) };
    });
  return [
    ...plan("master", shape.masters),
    ...plan("tablet-server", shape.tabletServers),
    ...plan("frontend", shape.frontends),
  ];
}

export interface StartOptions {
  /** Under which the other servers reach it. */
  readonly advertise: string;
  readonly masterUrls: readonly string[];
  readonly extra: readonly string[];
}

/** The arguments behind `stele`: exactly what an operator would type to start the server alone. */
export function startArguments(
  server: ServerPlan,
  { advertise, masterUrls, extra }: StartOptions,
): string[] {
  return [
    "start",
    server.role,
    "--name",
    server.id,
    "--data-dir",
    server.dataDir,
    "--listen",
    `${HOST}:${server.port}`,
    "--advertise",
    advertise,
    "--masters",
    masterUrls.join(","),
    ...extra,
  ];
}
