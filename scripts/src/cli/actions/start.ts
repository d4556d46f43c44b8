// Runs the local cluster in the foreground.
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { endWithLauncher } from "@stele/shared/process/launcher-pipe.adapter.ts";
import { ClusterDirectory } from "../../launch/cluster-directory.ts";
import { LaunchError } from "../../launch/launch-error.ts";
import { runCluster } from "../../launch/launcher.ts";
import { CliError } from "../cli-error.ts";
import type { CliContext } from "../context.ts";
import { givenServerFlags } from "../server-flags.ts";

export interface LaunchFlags extends Readonly<Record<string, unknown>> {
  readonly masters?: number;
  readonly tabletServers?: number;
  readonly frontends?: number;
  readonly port?: number;
  readonly dataDir: string;
  readonly restart: boolean;
}

const main = fileURLToPath(new URL("../main.ts", import.meta.url));

export async function startCluster(
  context: CliContext,
  _args: readonly string[],
  flags: LaunchFlags,
): Promise<number> {
  endWithLauncher();
  const given = givenServerFlags(flags);
  try {
    return await runCluster(
      {
        directory: new ClusterDirectory(resolve(flags.dataDir)),
        masters: flags.masters,
        tabletServers: flags.tabletServers,
        frontends: flags.frontends,
        port: flags.port,
        restart: flags.restart ? "always" : "never",
        stele: [process.execPath, main],
        flags: { master: given, "tablet-server": given, frontend: given },
      },
      {
        announce: (line) => void context.stdout.write(`${line}\n`),
        tell: (line) => void context.stderr.write(`stele: ${line}\n`),
        stop: context.interrupt,
        kill: context.abandon,
      },
    );
  } catch (error) {
    if (!(error instanceof LaunchError)) throw error;
    throw new CliError(error.exitCode, error.message, { cause: error });
  }
}
