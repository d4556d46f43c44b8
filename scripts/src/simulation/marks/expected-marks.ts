/**
 * "This happened", by who counts it: what many seeds together must have met, or they prove less than they should. A
 * mark at zero means that a fault never takes effect, that an option is never drawn, or that a name was changed in one
 * place only.
 */
import { WORKLOAD_MARKS } from "../../workloads/workload.ts";
import { CRASH_STEPS } from "../faults/fault.ts";
import { FAULT_MARK } from "../faults/fault-injection.ts";
import { PLANNED_KINDS } from "../faults/fault-plan.ts";
import { PROBE_KINDS } from "../probes.ts";
import { HOST_MARK_NAMES } from "./host-marks.ts";

/** faults/: every kind of fault took effect, and these met each other. */
const FAULT_MARKS: readonly string[] = [
  ...PLANNED_KINDS.map((kind) => `${FAULT_MARK}${kind}`),
  ...CRASH_STEPS.map((step) => `crash before a ${step} of the log`),
  "crash between two callbacks",
  "crash during recovery",
  "crash of a paused process",
  "crash while awaiting a snapshot",
  "front-end crashed",
  "catalog leader crashed",
  "tablet leader crashed",
  "leader crashed in a joint config",
  "power lost right after an acknowledgement",
  "leader paused past its lease",
  "leadership moved",
  "leadership moved while its store halted",
  "old leader cut off in a transfer",
  "master deposed in a replacement",
  "elected leader lost, old leader back",
  "voters started again while a leader held its lease",
  "one-way cut",
  "cluster cut in two",
  "bridge partition",
  "ring partition",
  "catalog leader cut off",
  "tablet leader cut off",
];

/** probes.ts */
const PROBE_MARKS: readonly string[] = PROBE_KINDS.map((kind) => `${kind} probe answered`);

export const EXPECTED_MARKS: readonly string[] = [
  ...FAULT_MARKS,
  ...HOST_MARK_NAMES,
  ...WORKLOAD_MARKS,
  ...PROBE_MARKS,
];
