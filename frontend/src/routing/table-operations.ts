/** Tables, through the catalog's leader. */
import { tableId } from "@stele/shared/ids.ts";
import type { Random } from "@stele/shared/random.ts";
import {
  createTableRoute,
  describeTableRoute,
  dropTableRoute,
  listTablesRoute,
  tableTabletsRoute,
} from "@stele/shared/wire/admin-calls.ts";
import type { CallLimits, TableOperations } from "../operations.ts";
import type { MasterCall, MasterClient } from "./master-client.ts";

/** A master that works on a call is asked again after so long, and goes on with the same operation. */
const ATTEMPT_MS = 5_000;

export interface TableOperationsParts {
  readonly masters: Pick<MasterClient, "call">;
  readonly random: Random;
}

export function routedTables({ masters, random }: TableOperationsParts): TableOperations {
  const call = ({ deadlineMs }: CallLimits, effect: MasterCall["effect"]): MasterCall => ({
    deadlineMs,
    attemptMs: ATTEMPT_MS,
    effect,
  });
  // Own attempts repeat the key: a change whose answer was lost is found, not made twice.
  const keyed = (idempotencyKey: string | null): string => idempotencyKey ?? random.uuid();
  return {
    create: async (table, limits) => {
      const { splitKeys, ...rest } = table;
      const request = {
        ...rest,
        splitKeys: [...splitKeys],
        idempotencyKey: keyed(table.idempotencyKey),
      };
      return (await masters.call(createTableRoute, request, call(limits, "write"))).result;
    },
    list: async (limits) => {
      return (await masters.call(listTablesRoute, {}, call(limits, "read"))).result;
    },
    describe: async (table, limits) => {
      return (await masters.call(describeTableRoute, { table }, call(limits, "read"))).result;
    },
    drop: async (table, idempotencyKey, limits) => {
      const request = { table, idempotencyKey: keyed(idempotencyKey) };
      await masters.call(dropTableRoute, request, call(limits, "write"));
    },
    tablets: async (table, page, limits) => {
      const request = { table, ...page };
      const { result } = await masters.call(tableTabletsRoute, request, call(limits, "read"));
      return { ...result, tableId: tableId(result.tableId) };
    },
  };
}
