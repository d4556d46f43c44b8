/**
 * What a run is held to, by name: invariants that a simulated run is watched for, and what its history, or that of
 * real processes, is judged by. Every violation is told under one of these names, and planted bugs name those that
 * must catch them.
 */
export type CheckerName =
  | "one leader per term"
  | "one vote per term"
  | "log matching"
  | "committed never changes"
  | "equal state at equal index"
  | "ranges tile the key space"
  | "one lease holder"
  | "acknowledged means durable"
  | "suspect means damaged"
  | "log freed below the checkpoint"
  | "queues within limits"
  | "linearizability"
  | "scan coverage"
  | "linked list"
  | "exactly once"
  | "table contents"
  | "process failed"
  | "recovery"
  | "liveness";
