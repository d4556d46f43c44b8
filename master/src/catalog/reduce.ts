/**
 * Applies a batch of commands to the catalog: the deterministic heart of the state machine (M2). Nothing
 * but the catalog and the batch decides.
 */
import { unreachable } from "@stele/shared/assert.ts";
import type { Catalog } from "./catalog.ts";
import type { Command, CommandBatch, CommandResult, Slices } from "./commands.ts";
import {
  abortReplacement,
  confirmDestroyed,
  finishReplacement,
  startReplacement,
} from "./reduce-replacements.ts";
import { markGone, registerServer, replaceServer } from "./reduce-servers.ts";
import { createTable, dropTable, forgetTablets, placeAnew } from "./reduce-tables.ts";
import {
  observeConfig,
  observeDropped,
  observeLeader,
  observeReplicas,
} from "./reduce-observations.ts";

/**
 * One result a command, in order. Stops now and then within large commands, so that a caller may let other
 * work run; nothing but reads may happen to the catalog meanwhile.
 */
export function* reduceInSlices(catalog: Catalog, batch: CommandBatch): Slices<CommandResult[]> {
  const results: CommandResult[] = [];
  for (const command of batch.commands) {
    results.push(
      command.kind === "create-table"
        ? yield* createTable(catalog, command, batch.atMicros)
        : reduce(catalog, command, batch.atMicros),
    );
  }
  return results;
}

type SmallCommand = Exclude<Command, { kind: "create-table" }>;

function reduce(catalog: Catalog, command: SmallCommand, atMicros: number): CommandResult {
  switch (command.kind) {
    case "register-server":
      return registerServer(catalog, command);
    case "replace-server":
      return replaceServer(catalog, command);
    case "mark-gone":
      return markGone(catalog, command);
    case "place-anew":
      return placeAnew(catalog, command);
    case "drop-table":
      return dropTable(catalog, command, atMicros);
    case "forget-tablets":
      return forgetTablets(catalog, command);
    case "observe-config":
      return observeConfig(catalog, command);
    case "observe-replicas":
      return observeReplicas(catalog, command);
    case "observe-leader":
      return observeLeader(catalog, command);
    case "observe-dropped":
      return observeDropped(catalog, command);
    case "start-replacement":
      return startReplacement(catalog, command, atMicros);
    case "abort-replacement":
      return abortReplacement(catalog, command);
    case "finish-replacement":
      return finishReplacement(catalog, command);
    case "confirm-destroyed":
      return confirmDestroyed(catalog, command);
    default:
      return unreachable(command);
  }
}
