import fc from "fast-check";
import { expect, test } from "vitest";
import {
  logIndex,
  replicaId,
  serverId,
  spaceId,
  tabletId,
  term,
  type LogIndex,
  type ReplicaId,
  type ServerId,
  type Term,
} from "../ids.ts";
import type { Member } from "../raft/group-config.ts";
import { appliedStateKey, logStateKey } from "./host-keys.ts";
import {
  appliedStateOperation,
  decodeAppliedState,
  decodeCreation,
  decodeInstallation,
  decodeLogState,
  encodeCreation,
  encodeInstallation,
  logStateOperation,
  type LogPosition,
  type PlacedConfig,
} from "./replica-records.ts";

const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const index: fc.Arbitrary<LogIndex> = number.map(logIndex);
const anyTerm: fc.Arbitrary<Term> = number.map(term);
const replica: fc.Arbitrary<ReplicaId> = number.map(replicaId);
const server: fc.Arbitrary<ServerId> = fc
  .uuid({ version: 4 })
  .map((text) => serverId(text.toLowerCase()));
const member: fc.Arbitrary<Member> = fc.record({ replicaId: replica, serverId: server });
const members = fc.array(member, { maxLength: 4 });
const config: fc.Arbitrary<PlacedConfig> = fc.record({
  index,
  config: fc.record({ voters: members, outgoing: members, learners: members }),
});
const position: fc.Arbitrary<LogPosition> = fc.record({ index, term: anyTerm });
const state = fc.option(
  fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array)),
  { nil: null },
);
const TABLET = tabletId(2 ** 40);

test("what a server remembers of a replica comes back as it was written", () => {
  fc.assert(
    fc.property(position, config, state, replica, number, (at, placed, machineState, id, count) => {
      const applied = { ...at, replicaId: id, machineState };
      const written = appliedStateOperation(TABLET, applied) as { value: Buffer };
      expect(decodeAppliedState(appliedStateKey(TABLET), written.value)).toEqual(applied);

      const hardState = { term: at.term, vote: count % 2 === 0 ? id : null, commit: at.index };
      const log = { replicaId: id, hardState, truncated: at, config: placed };
      const logged = logStateOperation(TABLET, log) as { value: Buffer };
      expect(decodeLogState(logStateKey(TABLET), logged.value)).toEqual(log);

      const creation = { nextSpace: count, start: at, config: placed, machineState };
      expect(decodeCreation(encodeCreation(creation))).toEqual(creation);

      const installation = {
        space: spaceId(count),
        garbage: count,
        config: placed,
        machineState: machineState ?? Buffer.alloc(0),
      };
      expect(decodeInstallation(encodeInstallation(installation))).toEqual(installation);
    }),
  );
});
