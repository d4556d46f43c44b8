/** Commands about servers. A name belongs to one server id at a time; a replaced id never comes back. */
import type { Catalog } from "./catalog.ts";
import {
  DONE,
  outdated,
  refused,
  type CommandResult,
  type MarkGone,
  type RegisterServer,
  type ReplaceServer,
} from "./commands.ts";

export function registerServer(catalog: Catalog, command: RegisterServer): CommandResult {
  const { serverId, name, url, announcedAtMicros } = command;
  if (catalog.server(serverId)?.state === "replaced") return replacedRefusal(serverId, name);
  const holder = catalog.serverNamed(name);
  if (holder !== undefined && holder.serverId !== serverId) {
    return refused("NAME_TAKEN", `the name ${name} belongs to server ${holder.serverId}`);
  }
  const row = { serverId, name, url, announcedAtMicros, state: "live" } as const;
  catalog.put({ kind: "server", row });
  return DONE;
}

export function replaceServer(catalog: Catalog, command: ReplaceServer): CommandResult {
  const { old, serverId, name, url, announcedAtMicros } = command;
  if (catalog.server(serverId)?.state === "replaced") return replacedRefusal(serverId, name);
  const holder = catalog.serverNamed(name);
  if (holder?.serverId !== old) return outdated(`server ${old} is not the one named ${name}`);
  catalog.put({ kind: "server", row: { ...holder, state: "replaced" } });
  for (const replica of catalog.removed.on(old).keys()) catalog.removeRemoved(replica);
  const row = { serverId, name, url, announcedAtMicros, state: "live" } as const;
  catalog.put({ kind: "server", row });
  return DONE;
}

export function markGone(catalog: Catalog, command: MarkGone): CommandResult {
  const server = catalog.server(command.serverId);
  if (server?.state !== "live") return outdated(`server ${command.serverId} is not live`);
  catalog.put({ kind: "server", row: { ...server, state: "gone" } });
  return DONE;
}

function replacedRefusal(serverId: string, name: string): CommandResult {
  return refused(
    "SERVER_REPLACED",
    `server ${serverId} (${name}) was replaced by another process of its name; ` +
      "its data directory cannot be used again",
  );
}
