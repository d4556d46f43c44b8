/** A register with compare-and-set, empty at first: the object of Jepsen's register tests. */
import { unreachable } from "@stele/shared/assert.ts";
import type { HistoryOperation, Model } from "../model.ts";

export type RegisterState = number | "empty";

export type RegisterInput =
  | { readonly kind: "read" }
  | { readonly kind: "write"; readonly value: number }
  | { readonly kind: "compare-and-set"; readonly expected: number; readonly value: number };

export type RegisterOutput =
  | { readonly kind: "value"; readonly value: RegisterState }
  | { readonly kind: "done" }
  /** Of a compare-and-set that found another value. */
  | { readonly kind: "refused" };

export type RegisterOperation = HistoryOperation<RegisterInput, RegisterOutput>;

export const registerModel: Model<RegisterState, RegisterInput, RegisterOutput> = {
  initial: () => "empty",
  step,
  isObservation: ({ kind }, output) => kind === "read" || output.kind === "refused",
  stateKey: String,
  partition: (history) => [
    {
      name: "register",
      operations: history.filter(({ input, outcome }) => input.kind !== "read" || outcome !== null),
    },
  ],
  describeState: String,
  describeOperation: (input, output) => `${describeInput(input)} -> ${describeOutput(output)}`,
};

function step(
  state: RegisterState,
  input: RegisterInput,
  output: RegisterOutput | null,
): RegisterState | null {
  switch (input.kind) {
    case "read":
      return output?.kind === "value" && output.value === state ? state : null;
    case "write":
      return input.value;
    case "compare-and-set": {
      const matches = state === input.expected;
      if (output !== null && matches !== (output.kind === "done")) return null;
      if (matches) return input.value;
      return output === null ? null : state;
    }
    default:
      return unreachable(input);
  }
}

function describeInput(input: RegisterInput): string {
  switch (input.kind) {
    case "read":
      return "read";
    case "write":
      return `write ${input.value}`;
    case "compare-and-set":
      return `compare-and-set ${input.expected} to ${input.value}`;
    default:
      return unreachable(input);
  }
}

function describeOutput(output: RegisterOutput | null): string {
  if (output === null) return "unknown";
  return output.kind === "value" ? String(output.value) : output.kind;
}
