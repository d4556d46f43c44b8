/**
 * Puts the calls and returns of an event log together to operations. The log's order is its time: event n
 * is at time n. A process does one thing at a time; one whose operation ended unknown may go on.
 */
import { HistoryFormatError } from "../history/history-format-error.ts";
import type { HistoryOperation } from "../model.ts";

interface OpenCall<Input> {
  readonly at: number;
  readonly input: Input;
}

export class RecordedCalls<Input, Output> {
  readonly #operations: HistoryOperation<Input, Output>[] = [];
  readonly #open = new Map<string, OpenCall<Input>>();

  call(line: number, client: string, input: Input): void {
    if (this.#open.has(client)) {
      throw new HistoryFormatError(line, `process ${client} calls before it has an answer`);
    }
    this.#open.set(client, { at: line, input });
  }

  /** @param output null: the process learned that it will not learn it */
  end(line: number, client: string, outputOf: (input: Input) => Output | null): void {
    const call = this.#open.get(client);
    if (call === undefined) {
      throw new HistoryFormatError(line, `process ${client} has an answer to no call`);
    }
    this.#open.delete(client);
    const output = outputOf(call.input);
    const outcome = output === null ? null : { at: line, output };
    const lines = [call.at, line];
    this.#operations.push({ client, lines, call: call.at, input: call.input, outcome });
  }

  /** What is still open had no outcome. */
  finish(): HistoryOperation<Input, Output>[] {
    for (const [client, { at, input }] of this.#open) {
      this.#operations.push({ client, lines: [at], call: at, input, outcome: null });
    }
    this.#open.clear();
    return this.#operations;
  }
}
