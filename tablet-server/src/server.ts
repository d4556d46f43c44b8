/** A tablet server over the real world. */
import type { ServerConfig } from "@stele/shared/config-knobs.ts";
import { openServerWorld } from "@stele/shared/process/system-world.adapter.ts";
import { startTabletServer, type TabletServer } from "./tablet-server.ts";

/** Throws `DataDirectoryError`, and what `listen` throws. */
export async function startServer(config: ServerConfig): Promise<TabletServer> {
  return startTabletServer(await openServerWorld("tablet-server", config), config);
}
