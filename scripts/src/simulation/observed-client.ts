/**
 * A client whose calls and answers are in the trace, whose answers are told to whoever compares two runs, and that
 * tells of every acknowledgement the moment it is given: the moment after which nothing may be lost.
 */
import type { StoreClient, WriteAnswer } from "../workloads/store-client.ts";
import { spelledShort } from "../workloads/large-values.ts";
import type { Trace } from "./trace.ts";

export interface ObservedClientParts {
  readonly name: string;
  readonly client: StoreClient;
  readonly trace: Trace;
  readonly acknowledged: () => void;
  /** Given every answer, as JSON. */
  readonly answered: (json: string) => void;
}

export function observedClient(parts: ObservedClientParts): StoreClient {
  const { name, client, trace, acknowledged, answered } = parts;
  const tell = (answer: WriteAnswer): void => {
    if (answer?.kind === "written") acknowledged();
  };
  let calls = 0;
  const traced = async <T>(
    what: string,
    call: readonly unknown[],
    answer: Promise<T>,
  ): Promise<T> => {
    const number = ++calls;
    if (trace.isRead)
      trace.note(name, `${number} ${what} ${spelledShort(call.map(json).join(" "))}`);
    const result = await answer;
    const text = json(result);
    if (trace.isRead) trace.note(name, `${number} ${what} gives ${spelledShort(text)}`);
    answered(text);
    return result;
  };
  return {
    get: (...call) => traced("get", call, client.get(...call)),
    getMany: (...call) => traced("getMany", call, client.getMany(...call)),
    scan: (...call) => traced("scan", call, client.scan(...call)),
    write: async (...call) => {
      const answer = await traced("write", call, client.write(...call));
      tell(answer);
      return answer;
    },
    writeMany: async (...call) => {
      const answers = await traced("writeMany", call, client.writeMany(...call));
      for (const answer of answers) tell(answer);
      return answers;
    },
    createTable: (...call) => traced("createTable", call, client.createTable(...call)),
    dropTable: (...call) => traced("dropTable", call, client.dropTable(...call)),
  };
}

function json(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    each instanceof Map ? Object.fromEntries(each) : each,
  );
}
