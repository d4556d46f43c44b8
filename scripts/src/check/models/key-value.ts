/** Keys with text values, "" at first: get, put and append. */
import { unreachable } from "@stele/shared/assert.ts";
import { partitionBy } from "../model.ts";
import type { HistoryOperation, Model } from "../model.ts";

export interface KeyValueInput {
  readonly kind: "get" | "put" | "append";
  readonly key: string;
  /** What to put or append; "" for a get. */
  readonly value: string;
}

/** What a get found; "" for the others. */
export type KeyValueOutput = string;

export type KeyValueOperation = HistoryOperation<KeyValueInput, KeyValueOutput>;

export const keyValueModel: Model<string, KeyValueInput, KeyValueOutput> = {
  initial: () => "",
  step,
  isObservation: ({ kind }) => kind === "get",
  stateKey: (state) => state,
  partition: (history) =>
    partitionBy(
      history.filter(({ input, outcome }) => input.kind !== "get" || outcome !== null),
      ({ key }) => key,
    ),
  describeState: (state) => JSON.stringify(state),
  describeOperation: describe,
};

function step(state: string, input: KeyValueInput, output: KeyValueOutput | null): string | null {
  switch (input.kind) {
    case "get":
      return output === state ? state : null;
    case "put":
      return input.value;
    case "append":
      return state + input.value;
    default:
      return unreachable(input.kind);
  }
}

function describe({ kind, value }: KeyValueInput, output: KeyValueOutput | null): string {
  const what = kind === "get" ? "get" : `${kind} ${JSON.stringify(value)}`;
  if (output === null) return `${what} -> unknown`;
  return kind === "get" ? `get -> ${JSON.stringify(output)}` : `${what} -> done`;
}
