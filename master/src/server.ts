/** A master over the real world. */
import type { ServerConfig } from "@stele/shared/config-knobs.ts";
import { openServerWorld } from "@stele/shared/process/system-world.adapter.ts";
import { startMaster, type MasterServer } from "./master-server.ts";

/** Throws `ConfigError`, `DataDirectoryError`, `FormingRefusedError`, and what `listen` throws. */
export async function startServer(
  config: ServerConfig,
  options: { readonly bootstrap: boolean },
): Promise<MasterServer> {
  return startMaster(await openServerWorld("master", config), config, options);
}
