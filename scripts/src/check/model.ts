/**
 * What the checker knows of the object that a history was recorded against: its states and what each
 * operation may do. One instance serves one kind of object; histories of many objects are partitioned.
 *
 * M1. `step` is deterministic and never changes the state it is given.
 * M2. An operation without an outcome took effect at some time after its call, or never; `step` tells what
 *     its effect would be, and null where it would have none.
 * M3. Inputs are plain JSON data: operations whose inputs have equal texts mean the same.
 */

/** One operation as its client saw it. Times are of one clock that orders all clients. */
export interface HistoryOperation<Input, Output> {
  readonly client: string;
  /** Of the history that tell of it, from 1 on, in their order: one, or those of attempts or events. */
  readonly lines: readonly number[];
  readonly call: number;
  readonly input: Input;
  /** Null: the client never learned it. Returning at the time another is called counts as overlapping. */
  readonly outcome: { readonly at: number; readonly output: Output } | null;
}

/** The operations on one object. Objects are independent: all are linearizable or the history is not. */
export interface Partition<Input, Output> {
  readonly name: string;
  readonly operations: readonly HistoryOperation<Input, Output>[];
  /** Pairs of indices: the first never takes effect behind the second, whatever their times say. */
  readonly order?: readonly (readonly [number, number])[];
  /** What no order of the operations can explain, such as two answers to one request. */
  readonly contradictions?: readonly string[];
}

/** A state is never null, which `step` gives for none. */
export interface Model<
  State extends NonNullable<unknown>,
  Input,
  Output,
  Recorded = HistoryOperation<Input, Output>,
> {
  initial(): State;
  /**
   * The state after the operation, or null: it cannot have this output here.
   *
   * @param output null: unknown (M2)
   */
  step(state: State, input: Input, output: Output | null): State | null;
  /** With this output the operation leaves every state as it is. */
  isObservation(input: Input, output: Output): boolean;
  /**
   * Every state tells whether this operation, if it has no outcome, may still take effect; so whether it did
   * need not be remembered beside the state. Left out: no operation is so.
   */
  isImplied?(input: Input): boolean;
  /** Equal for equal states, and only for them. */
  stateKey(state: State): string;
  /** By object; leaves out what says nothing, such as a read without an answer. */
  partition(history: readonly Recorded[]): Partition<Input, Output>[];
  describeState(state: State): string;
  describeOperation(input: Input, output: Output | null): string;
}

/** Partitions by a name of the object that each input carries. */
export function partitionBy<Input, Output>(
  history: readonly HistoryOperation<Input, Output>[],
  nameOf: (input: Input) => string,
): Partition<Input, Output>[] {
  const byName = Map.groupBy(history, ({ input }) => nameOf(input));
  return [...byName].map(([name, operations]) => ({ name, operations }));
}
