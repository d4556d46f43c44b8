/**
 * A client whose calls and answers are in the trace, whose answers are told to whoever compares two runs, and that
 * tells of every acknowledgement the moment it is given: the moment after which nothing may be lost.
 */
import type { StoreClient, WriteAnswer } from "../workloads/store-client.ts";
import { printBytes } from "../cli/key-text.ts";
import { spelledShort } from "../workloads/large-values.ts";
import type { Trace } from "./trace.ts";

const ASCII = /^[ -~]*$/;

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
      trace.note(name, `${number} ${what} ${spelledShort(call.map(readable).join(" "))}`);
    const result = await answer;
    if (trace.isRead) trace.note(name, `${number} ${what} gives ${spelledShort(readable(result))}`);
    answered(json(result));
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
  return JSON.stringify(value, (_, each: unknown) => withoutMap(each));
}

/** Octets that are not ASCII text are spelled as on the command line, so the text is no JSON where `\xHH` is in it. */
function readable(value: unknown): string {
  const text = JSON.stringify(value, (_, each: unknown) =>
    typeof each === "string" && !ASCII.test(each)
      ? printBytes(Buffer.from(each, "latin1"))
      : withoutMap(each),
  );
  return text.replaceAll("\\\\x", "\\x");
}

function withoutMap(value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}
