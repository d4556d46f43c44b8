/** Tries every order of a few operations: the definition of linearizability, without any cleverness. */
import type { HistoryOperation, Model, Partition } from "../model.ts";

export function isLinearizableExhaustively<State extends NonNullable<unknown>, Input, Output>(
  model: Model<State, Input, Output, never>,
  { operations, order = [] }: Partition<Input, Output>,
): boolean {
  const mayComeNext = (at: number, left: readonly number[]): boolean => {
    const { call } = operations[at] as HistoryOperation<Input, Output>;
    const isForbidden = order.some(([first, second]) => first === at && !left.includes(second));
    return (
      !isForbidden && left.every((other) => (operations[other]?.outcome?.at ?? Infinity) >= call)
    );
  };
  const search = (state: State, left: readonly number[]): boolean => {
    if (left.every((at) => operations[at]?.outcome === null)) return true;
    return left.some((at) => {
      if (!mayComeNext(at, left)) return false;
      const { input, outcome } = operations[at] as HistoryOperation<Input, Output>;
      const after = model.step(state, input, outcome?.output ?? null);
      return (
        after !== null &&
        search(
          after,
          left.filter((other) => other !== at),
        )
      );
    });
  };
  return search(model.initial(), [...operations.keys()]);
}
