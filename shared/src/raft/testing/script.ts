/**
 * The language of `testdata/*.txt`. A script is a list of blocks separated by empty lines: commands,
 * a line `----`, and the expected trace. Lines that start with `#` tell the story.
 *
 *   group voters=1,2,3 [learners=4] [waiting=5] [window=2] ...    make replicas behind entry 1; `waiting` know nothing
 *   replica 1 voters=1,2,3 log=1,1,2 term=2 [vote=1] [commit=1]   make one with a past
 *                              (its entries are commands e1, e2, ...)
 *   elect 1 by=2,3             1 wins an election; its first Ready as leader is not taken
 *   campaign 1 | tick 1 [times=10] | read 1 | leader-unreachable 1
 *   propose 1 a b ...          transfer 1 to=2           unreachable 1 peer=2
 *   config 1 voters=1,2,4 [learners=5] at=0               at: the expected config index
 *   compact 1 index=5          snapshot 1 to=2           snapshot-done 1 to=2 outcome=failed
 *                              (an offer on the wire)
 *   ready 1                    take one Ready, leave its write under way
 *   persisted 1                complete the write
 *   settle [1] [quietly]       take, write (and without a number: deliver) until nothing moves
 *   deliver | drop | repeat [from=1] [to=2] [kind=append] [count=1]    repeat: deliver and keep a copy
 *   cut 1,2 3 | cut-one-way 1 2 | heal | crash 1          crash: and restart from what is durable
 *   status [1] | log 1 | quiet 1
 */
import { must, unreachable } from "../../assert.ts";
import { logIndex } from "../../ids.ts";
import { configOf, id, members } from "./core-host.ts";
import { ScriptCluster } from "./script-cluster.ts";
import type { Selection, Tuning } from "./script-cluster.ts";
import { traceEntries, traceMessage, traceStatus } from "./trace.ts";

export interface Block {
  /** Comment lines and commands, as written. */
  readonly lines: readonly string[];
  readonly expected: readonly string[];
}

export function parseScript(text: string): Block[] {
  return text
    .split(/\n\n+/)
    .filter((block) => block.trim() !== "")
    .map((block) => {
      const lines = block.trimEnd().split("\n");
      const rule = lines.indexOf("----");
      if (rule === -1) return { lines, expected: [] };
      return { lines: lines.slice(0, rule), expected: lines.slice(rule + 1) };
    });
}

export function formatScript(blocks: readonly Block[]): string {
  return blocks
    .map(({ lines, expected }) => {
      return expected.length === 0 ? lines.join("\n") : [...lines, "----", ...expected].join("\n");
    })
    .join("\n\n")
    .concat("\n");
}

/** Runs every block and puts what happened in the place of what was expected. */
export function runScript(blocks: readonly Block[]): Block[] {
  const run = new ScriptRun();
  return blocks.map(({ lines }) => {
    const commands = lines.filter((line) => !line.startsWith("#"));
    return { lines, expected: commands.flatMap((command) => run.execute(command)) };
  });
}

/** One command, cut into its words. */
class Command {
  readonly name: string;
  readonly words: readonly string[];
  readonly #options = new Map<string, string>();

  constructor(line: string) {
    const [name = "", ...rest] = line.trim().split(/ +/);
    this.name = name;
    this.words = rest.filter((word) => !word.includes("="));
    for (const word of rest.filter((each) => each.includes("="))) {
      const [key = "", value = ""] = word.split("=");
      this.#options.set(key, value);
    }
  }

  replica(at = 0): number {
    return Number(must(this.words[at], `${this.name}: which replica?`));
  }

  option(key: string): string | undefined {
    return this.#options.get(key);
  }

  number(key: string): number | undefined {
    const value = this.option(key);
    return value === undefined ? undefined : Number(value);
  }

  mustNumber(key: string): number {
    return must(this.number(key), `${this.name}: ${key}=?`);
  }

  list(key: string): number[] {
    return numbers(this.option(key) ?? "");
  }
}

class ScriptRun {
  #cluster = new ScriptCluster({});

  execute(line: string): string[] {
    const command = new Command(line);
    const handler = this.#handlers[command.name];
    if (handler === undefined) throw new Error(`no such command: ${line}`);
    return handler(command);
  }

  readonly #handlers: Record<string, (command: Command) => string[]> = {
    group: (command) => this.#group(command),
    replica: (command) => this.#replica(command),
    campaign: (command) => silent(this.#raft(command).campaign()),
    elect: (command) => silent(this.#cluster.elect(command.replica(), command.list("by"))),
    "leader-unreachable": (command) => silent(this.#raft(command).leaderUnreachable()),
    tick: (command) => {
      const times = command.number("times") ?? 1;
      for (let tick = 0; tick < times; tick++) this.#raft(command).tick();
      return [];
    },
    read: (command) => verdict(this.#raft(command).requestRead()),
    propose: (command) => {
      const payloads = command.words.slice(1).map((word) => Buffer.from(word));
      return verdict(this.#raft(command).propose(payloads));
    },
    config: (command) => {
      const voters = members(...command.list("voters"));
      const learners = members(...command.list("learners"));
      const at = logIndex(command.mustNumber("at"));
      return verdict(this.#raft(command).proposeConfig({ voters, learners }, at));
    },
    transfer: (command) => {
      return verdict(this.#raft(command).transferLeadership(id(command.mustNumber("to"))));
    },
    unreachable: (command) => {
      return silent(this.#raft(command).reportUnreachable(id(command.mustNumber("peer"))));
    },
    compact: (command) => {
      return silent(this.#host(command).compact(command.mustNumber("index")));
    },
    snapshot: (command) => {
      const offer = this.#host(command).snapshotFor(id(command.mustNumber("to")));
      this.#cluster.put(offer);
      return [traceMessage(offer)];
    },
    "snapshot-done": (command) => {
      const outcome = command.option("outcome") === "installed" ? "installed" : "failed";
      return silent(this.#raft(command).snapshotDone(id(command.mustNumber("to")), outcome));
    },
    ready: (command) => this.#cluster.takeReady(command.replica()),
    persisted: (command) => this.#cluster.completeWrite(command.replica()),
    settle: (command) => this.#settle(command),
    deliver: (command) => this.#cluster.deliver(selection(command)),
    drop: (command) => this.#cluster.take(selection(command)).map(traceMessage),
    repeat: (command) => this.#cluster.repeat(selection(command)),
    cut: (command) => {
      return silent(
        this.#cluster.cut(numbers(command.words[0] ?? ""), numbers(command.words[1] ?? "")),
      );
    },
    "cut-one-way": (command) => {
      return silent(this.#cluster.cutOneWay(command.replica(0), command.replica(1)));
    },
    heal: () => silent(this.#cluster.heal()),
    crash: (command) => silent(this.#host(command).crashAndRestart()),
    status: (command) => {
      const chosen = command.words.length === 0 ? this.#cluster.hosts : [this.#host(command)];
      return chosen.flatMap((host) => traceStatus(host.raft.status()));
    },
    log: (command) => [traceEntries(this.#host(command).disk.entries)],
    quiet: (command) => [this.#raft(command).mayQuiesce() ? "may sleep" : "must stay awake"],
  };

  #group(command: Command): string[] {
    this.#cluster = new ScriptCluster(tuning(command));
    const config = configOf(command.list("voters"), command.list("learners"));
    for (const replica of [...command.list("voters"), ...command.list("learners")]) {
      this.#cluster.addFirst(replica, config);
    }
    for (const replica of command.list("waiting")) this.#cluster.addWaiting(replica);
    return [];
  }

  #replica(command: Command): string[] {
    const vote = command.number("vote");
    this.#cluster.addWithPast(command.replica(), configOf(command.list("voters")), {
      terms: command.list("log"),
      term: command.mustNumber("term"),
      vote: vote === undefined ? null : id(vote),
      commit: command.number("commit") ?? 0,
    });
    return [];
  }

  #settle(command: Command): string[] {
    const only = command.words.find((word) => word !== "quietly");
    const trace = only === undefined ? this.#cluster.settle() : this.#cluster.settleOne(+only);
    return command.words.includes("quietly") ? [] : trace;
  }

  #host(command: Command): ReturnType<ScriptCluster["host"]> {
    return this.#cluster.host(command.replica());
  }

  #raft(command: Command): ReturnType<ScriptCluster["host"]>["raft"] {
    return this.#host(command).raft;
  }
}

/** The command gave its answer to the core, not to the script. */
function silent(_nothing: void): string[] {
  return [];
}

function verdict(
  outcome:
    | { readonly kind: "proposed"; readonly first: number; readonly last: number }
    | { readonly kind: "opened"; readonly readId: number }
    | { readonly kind: "accepted" }
    | { readonly kind: "refused"; readonly reason: string; readonly leader: number | null },
): string[] {
  switch (outcome.kind) {
    case "proposed":
      return [`proposed ${outcome.first}..${outcome.last}`];
    case "opened":
      return [`read ${outcome.readId} opened`];
    case "accepted":
      return ["accepted"];
    case "refused":
      return [`refused: ${outcome.reason}, leader ${outcome.leader ?? "unknown"}`];
    default:
      return unreachable(outcome);
  }
}

function selection(command: Command): Selection {
  return {
    from: command.number("from"),
    to: command.number("to"),
    kind: command.option("kind"),
    count: command.number("count"),
  };
}

function tuning(command: Command): Tuning {
  const window = command.number("window");
  const windowBytes = command.number("window-bytes");
  const appendBytes = command.number("append-bytes");
  const uncommittedBytes = command.number("uncommitted-bytes");
  return {
    ...(window === undefined ? {} : { maxInflightMessages: window }),
    ...(windowBytes === undefined ? {} : { maxInflightBytes: windowBytes }),
    ...(appendBytes === undefined ? {} : { maxAppendBytes: appendBytes }),
    ...(uncommittedBytes === undefined ? {} : { maxUncommittedBytes: uncommittedBytes }),
  };
}

function numbers(list: string): number[] {
  return list === "" ? [] : list.split(",").map(Number);
}
