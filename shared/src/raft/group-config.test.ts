import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { replicaId, serverId } from "../ids.ts";
import {
  GroupConfigFormatError,
  decodeGroupConfig,
  encodeGroupConfig,
} from "./group-config-codec.ts";
import {
  EMPTY_CONFIG,
  isSoleVoter,
  isVoter,
  membersOf,
  normalizeGroupConfig,
  problemOfGroupConfig,
  votersOf,
} from "./group-config.ts";
import type { GroupConfig, Member } from "./group-config.ts";
import { configOf, id, member, members } from "./testing/core-host.ts";

const anyMember: fc.Arbitrary<Member> = fc
  .tuple(fc.maxSafeNat(), fc.uuid())
  .map(([replica, server]) => ({ replicaId: replicaId(replica), serverId: serverId(server) }));

/** Each replica in voters, outgoing, both, learners, or in learners and outgoing. */
const anyConfig: fc.Arbitrary<GroupConfig> = fc
  .uniqueArray(fc.tuple(anyMember, fc.nat(4)), {
    selector: ([each]) => each.replicaId,
    minLength: 1,
  })
  .map((placed) => {
    const at = (...places: number[]): Member[] =>
      placed.filter(([, place]) => places.includes(place)).map(([each]) => each);
    return { voters: at(0, 2), outgoing: at(1, 2, 4), learners: at(3, 4) };
  })
  .map(normalizeGroupConfig)
  .filter((config) => config.voters.length > 0);

describe("the config codec", () => {
  test("decodes what it encoded", () => {
    fc.assert(
      fc.property(anyConfig, (config) => {
        expect(decodeGroupConfig(encodeGroupConfig(config))).toEqual(config);
      }),
    );
  });

  test("takes only what it would write itself, and refuses everything else by name", () => {
    const damaged = fc.tuple(anyConfig, fc.nat(), fc.nat(255)).map(([config, at, byte]) => {
      const bytes = encodeGroupConfig(config);
      bytes[at % bytes.length] = byte;
      return bytes;
    });
    const anything = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(damaged, anything), (bytes) => {
        let config: GroupConfig;
        try {
          config = decodeGroupConfig(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(GroupConfigFormatError);
          return;
        }
        expect(encodeGroupConfig(config)).toEqual(bytes);
      }),
    );
  });

  test("keeps its format: a joint config of replicas 1 to 4", () => {
    const bytes = encodeGroupConfig(configOf([1, 2], [3], [4]));
    expect(bytes.subarray(0, 7).toString("hex")).toBe("01000200010001");
    expect(bytes.subarray(7, 31).toString("hex")).toBe(
      "000000000000000100000000000040008000000000000001",
    );
    expect(bytes.length).toBe(7 + 4 * 24);
  });

  test.each([EMPTY_CONFIG, { ...configOf([1]), learners: members(1) }])(
    "does not encode a config that no group can use",
    (config) => expect(() => encodeGroupConfig(config)).toThrow("not encodable"),
  );
});

describe("a config", () => {
  test.each([
    { config: configOf([]), problem: "a group needs a voter" },
    { config: { ...EMPTY_CONFIG, voters: members(2, 1) }, problem: "voters must ascend" },
    { config: { ...EMPTY_CONFIG, voters: members(1, 1) }, problem: "voters must ascend" },
    { config: configOf([1], [2, 2]), problem: "learners must ascend" },
    { config: configOf([1, 2], [2]), problem: "replica 2 is voter and learner" },
    {
      config: { ...configOf([1]), outgoing: [{ ...member(1), serverId: member(2).serverId }] },
      problem: "replica 1 is on two servers",
    },
  ])("is refused: $problem", ({ config, problem }) => {
    expect(problemOfGroupConfig(config)).toContain(problem);
  });

  test("lets a voter become a learner by way of a joint config", () => {
    expect(problemOfGroupConfig(configOf([1, 3], [2], [1, 2, 3]))).toBe(null);
  });

  test("names each voter and each member once", () => {
    const config = configOf([1, 3], [2, 4], [1, 2]);
    expect(votersOf(config)).toEqual(members(1, 2, 3));
    expect(membersOf(config)).toEqual(members(1, 2, 3, 4));
    expect([1, 2, 3, 4].filter((replica) => isVoter(config, id(replica)))).toEqual([1, 2, 3]);
  });

  test("has a sole voter only if nobody else votes in either half", () => {
    expect(isSoleVoter(configOf([1], [2]), id(1))).toBe(true);
    expect(isSoleVoter(configOf([1], [], [1, 2]), id(1))).toBe(false);
    expect(isSoleVoter(configOf([1, 2]), id(1))).toBe(false);
    expect(isSoleVoter(configOf([2]), id(1))).toBe(false);
  });
});
