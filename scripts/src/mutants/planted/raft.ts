/** Bugs planted into the consensus core. */
import type { Mutant } from "../mutant.ts";

const RAFT = "shared/src/raft";

export const raftMutants: readonly Mutant[] = [
  {
    name: "A vote leaves before it is durable",
    number: 1,
    edits: [
      {
        file: `${RAFT}/voter.ts`,
        original: "state.outbox.sendAfterPersist.push({",
        replacement: "state.outbox.sendNow.push({",
      },
    ],
    catchers: ["one vote per term", "one leader per term"],
  },
  {
    name: "A follower acknowledges entries before they are durable",
    number: 2,
    edits: [
      {
        file: `${RAFT}/follower.ts`,
        original: "state.outbox.sendAfterPersist.push({",
        replacement: "state.outbox.sendNow.push({",
      },
    ],
    catchers: ["acknowledged means durable", "committed never changes"],
  },
  {
    name: "A leader counts its own entries before they are durable",
    number: 3,
    edits: [
      {
        file: `${RAFT}/leader.ts`,
        original: "id === state.self ? log.stable : leadership.mustFollower(id).match,",
        replacement: "id === state.self ? log.lastIndex : leadership.mustFollower(id).match,",
      },
    ],
    catchers: ["acknowledged means durable", "committed never changes"],
  },
  {
    name: "An entry of an earlier term is committed by counting its copies",
    number: 4,
    edits: [
      {
        file: `${RAFT}/leader.ts`,
        original: "if (!log.matches(reached, state.term)) return;",
        replacement: "if (log.termAt(reached) === undefined) return;",
      },
    ],
    catchers: ["committed never changes", "log matching"],
  },
  {
    name: "A follower commits whatever its log holds up to the leader's commit index",
    number: 5,
    edits: [
      {
        file: `${RAFT}/follower.ts`,
        original: "log.commitTo(Math.min(append.commit, match));",
        replacement: "log.commitTo(Math.min(append.commit, log.lastIndex));",
      },
    ],
    catchers: ["committed never changes", "process failed"],
  },
  {
    name: "Every append cuts the log behind itself, conflict or not",
    number: 6,
    edits: [
      {
        file: `${RAFT}/follower.ts`,
        original: `  const firstNew = append.entries.findIndex((entry) => !log.matches(entry.index, entry.term));
`,
        replacement: `  const firstNew = append.entries.length === 0 ? -1 : 0;
`,
      },
    ],
    catchers: ["committed never changes", "acknowledged means durable", "liveness"],
  },
  {
    name: "The longer log wins an election, whatever the term of its last entry",
    number: 7,
    edits: [
      {
        file: `${RAFT}/raft-log.ts`,
        original: "if (lastTerm !== this.lastTerm) return lastTerm > this.lastTerm;",
        replacement: "void lastTerm;",
      },
    ],
    catchers: ["committed never changes", "log matching", "process failed"],
  },
  {
    name: "A follower keeps an entry of another term at the same index",
    number: 7,
    edits: [
      {
        file: `${RAFT}/follower.ts`,
        original: "append.entries.findIndex((entry) => !log.matches(entry.index, entry.term));",
        replacement: "append.entries.findIndex((entry) => entry.index > log.lastIndex);",
      },
    ],
    catchers: ["log matching", "equal state at equal index"],
  },
  {
    name: "A learner's acknowledgement stands in for a voter's",
    number: 8,
    edits: [
      {
        file: `${RAFT}/quorum.ts`,
        original: `  return Math.min(majorityValue(config.voters, valueOf), majorityValue(config.outgoing, valueOf));
`,
        replacement: `  const members = [...config.voters, ...config.learners];
  const values = members.map((member) => valueOf(member.replicaId)).sort((a, b) => b - a);
  const reached = values[Math.floor(config.voters.length / 2)] ?? 0;
  return Math.min(reached, majorityValue(config.outgoing, valueOf));
`,
      },
    ],
    catchers: ["committed never changes", "acknowledged means durable", "one lease holder"],
  },
  {
    name: "A vote that arrives twice counts twice",
    number: 8,
    edits: [
      {
        file: `${RAFT}/candidate.ts`,
        original: `  state.role.votes.set(reply.from, reply.granted);
  settleElection(state);
`,
        replacement: `  const { votes } = state.role;
  const silent = votersOf(state.config).find(({ replicaId }) => !votes.has(replicaId));
  const isRepeat = reply.granted && votes.get(reply.from) === true;
  votes.set(isRepeat && silent !== undefined ? silent.replicaId : reply.from, reply.granted);
  settleElection(state);
`,
      },
    ],
    catchers: ["one leader per term", "process failed"],
  },
  {
    name: "A follower takes up a config only if its append says that it is committed",
    number: 10,
    edits: [
      {
        file: `${RAFT}/follower.ts`,
        original: `if (entry.kind !== "config") continue;`,
        replacement: `if (entry.kind !== "config" || entry.index > append.commit) continue;`,
      },
    ],
    catchers: ["one leader per term", "committed never changes", "liveness", "process failed"],
  },
  {
    name: "The joint config is left before it is committed",
    number: 10,
    edits: [
      {
        file: `${RAFT}/membership.ts`,
        original:
          "if (!isJoint(config) || index > state.log.commit || leadership.transfer !== null) return false;",
        replacement:
          "if (!isJoint(config) || index === 0 || leadership.transfer !== null) return false;",
      },
    ],
    catchers: ["committed never changes", "one leader per term", "process failed"],
  },
  {
    name: "The voters of the config that is being left have no say in elections",
    number: 10,
    edits: [
      {
        file: `${RAFT}/quorum.ts`,
        original: `return outgoing === "won" ? incoming : outgoing;`,
        replacement: `return outgoing === "won" ? incoming : incoming;`,
      },
    ],
    catchers: ["one leader per term", "committed never changes", "process failed"],
  },
  {
    name: "A read joins a round that left before it came",
    number: 11,
    edits: [
      {
        file: `${RAFT}/read-index.ts`,
        original: "this.#opened.push(readId);",
        replacement: `const last = this.#pending.at(-1);
    ((last?.readIds as number[] | undefined) ?? this.#opened).push(readId);`,
      },
    ],
    catchers: ["linearizability"],
  },
  {
    name: "A replica votes right after its restart",
    number: 12,
    edits: [
      {
        file: `${RAFT}/raft-state.ts`,
        original: "this.#mayHavePromised(initial) ? options.promiseTicks : 0;",
        replacement: "this.#mayHavePromised(initial) ? 0 : 0;",
      },
    ],
    catchers: ["one lease holder", "linearizability"],
  },
  {
    name: "A promise to a leader keeps nobody from voting for another",
    number: 12,
    edits: [
      {
        file: `${RAFT}/voter.ts`,
        original: "if (newer && state.isPromised() && !isTransfer(request)) return;",
        replacement: "",
      },
      {
        file: `${RAFT}/voter.ts`,
        original: "return isTransfer(request) || !state.isPromised();",
        replacement: "return true;",
      },
    ],
    catchers: ["one lease holder", "linearizability"],
  },
];
