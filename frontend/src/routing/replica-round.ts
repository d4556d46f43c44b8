/** One question to all replicas of a tablet at once: which of you leads? */
import { MalformedFrameError } from "@stele/shared/bytes/malformed-frame-error.ts";
import { assert, unreachable } from "@stele/shared/assert.ts";
import type { Clock } from "@stele/shared/clock.ts";
import type { ServerId } from "@stele/shared/ids.ts";
import { ChannelFailure } from "@stele/shared/rpc/channel-contract.ts";
import type { TabletDescriptor } from "@stele/shared/tablet-descriptor.ts";
import { encodeRowCall } from "@stele/shared/wire/row-calls.ts";
import { decodeRowReply } from "@stele/shared/wire/row-replies.ts";
import type { MappedTablet } from "./mapped-tablet.ts";
import type { ServerCalls } from "./tablet-channels.ts";

export type ReplicaAnswer =
  /** It answered a strong read, or by a range of its own: both a leader alone does. */
  | { readonly kind: "leads"; readonly descriptors: readonly TabletDescriptor[] }
  | {
      readonly kind: "follows";
      readonly leader: ServerId | null;
      readonly descriptors: readonly TabletDescriptor[];
    }
  | { readonly kind: "not-here" }
  | { readonly kind: "dropped" }
  /** `why` null: nothing was heard of it, good or bad. */
  | { readonly kind: "silent"; readonly why: string | null };

export type ReplicaAnswers = ReadonlyMap<ServerId, ReplicaAnswer>;

const KEY_OF_FIRST_TABLET = Buffer.of(0);

/** Once a majority follows somebody or nobody, the others are waited for so long only: they may be frozen. */
const STRAGGLER_MS = 50;

/** All answers that came within `waitMs`; at once when one of them settles the matter. */
export function askReplicas(
  parts: { readonly clock: Clock; readonly calls: ServerCalls },
  tablet: MappedTablet,
  except: ServerId | null,
  waitMs: number,
): Promise<ReplicaAnswers> {
  const { clock, calls } = parts;
  const asked = tablet.replicas
    .filter(({ role, serverId }) => role !== "learner" && serverId !== except)
    .map(({ serverId }) => serverId);
  const answers = new Map<ServerId, ReplicaAnswer>(
    asked.map((server) => [server, { kind: "silent", why: null }]),
  );
  if (asked.length === 0) return Promise.resolve(answers);
  const question = encodeRowCall({
    kind: "read",
    tabletId: tablet.tabletId,
    generation: tablet.generation,
    keys: [tablet.range.start ?? KEY_OF_FIRST_TABLET],
    projection: { columns: null, versions: 1, timestamp: null, keysOnly: true },
  });
  const deadlineMs = clock.monotonicMs() + waitMs;
  return new Promise((resolve) => {
    let open = asked.length;
    let following = 0;
    let over = false;
    const end = (): void => {
      over = true;
      cancel();
      resolve(answers);
    };
    let cancel = clock.after(waitMs, end);
    const take = (server: ServerId, answer: ReplicaAnswer): void => {
      if (over) return;
      answers.set(server, answer);
      open--;
      if (answer.kind === "follows") following++;
      const settlesIt = answer.kind === "leads" || answer.kind === "dropped";
      const leftMs = deadlineMs - clock.monotonicMs();
      if (open === 0 || settlesIt) {
        end();
      } else if (following * 2 > asked.length && leftMs > STRAGGLER_MS) {
        cancel();
        cancel = clock.after(STRAGGLER_MS, end);
      }
    };
    for (const server of asked) {
      calls.call(server, question, deadlineMs).then(
        (reply) => take(server, answerOf(reply)),
        (failure: unknown) => {
          assert(failure instanceof ChannelFailure, () => `not a channel's failure: ${failure}`);
          const isHeard = failure.reason !== "deadline";
          take(server, { kind: "silent", why: isHeard ? failure.message : null });
        },
      );
    }
  });
}

/** Who probably leads and is slow: named by another replica, and silent without having refused. */
export function slowLeader(answers: ReplicaAnswers): ServerId | null {
  for (const answer of answers.values()) {
    if (answer.kind !== "follows" || answer.leader === null) continue;
    const own = answers.get(answer.leader);
    if (own === undefined || (own.kind === "silent" && own.why === null)) return answer.leader;
  }
  return null;
}

function answerOf(payload: Buffer): ReplicaAnswer {
  try {
    const reply = decodeRowReply(payload);
    switch (reply.kind) {
      case "read":
        return { kind: "leads", descriptors: [] };
      case "wrong-range":
        return { kind: "leads", descriptors: reply.descriptors };
      case "not-leader":
        return { kind: "follows", leader: reply.leader, descriptors: [reply.descriptor] };
      case "not-here":
        return reply;
      case "table-dropped":
        return { kind: "dropped" };
      case "failed":
        return { kind: "silent", why: reply.error.detail };
      case "written":
      case "scanned":
        return { kind: "silent", why: `it answered a read with ${reply.kind}` };
      default:
        return unreachable(reply);
    }
  } catch (error) {
    if (!(error instanceof MalformedFrameError)) throw error;
    return { kind: "silent", why: error.message };
  }
}
