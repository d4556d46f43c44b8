/** How snapshots travel between two replica hosts: a stream of frames to one internal route, answered at its end. */
import { DatabaseError } from "../errors.ts";
import type { ServerId } from "../ids.ts";
import type { SnapshotAnswer, SnapshotLink } from "../replication/snapshot-sender.ts";
import { StalledError } from "../replication/stall-limit.ts";
import { HostStoppedError } from "../replication/store-turn.ts";
import type { FrameStreams } from "../rpc/frame-stream.ts";
import type { ServiceRoutes } from "./server-world.ts";

const PATH = "/internal/snapshot";
/** A receiver may wait for its store between two frames. */
const IDLE_MS = 30_000;
/** A receiver installs, which includes a proven checkpoint, before it answers. */
const ANSWER_MS = 60_000;

/** The sending end. */
export function snapshotLink(
  streams: FrameStreams,
  urlOf: (server: ServerId) => string | null,
): SnapshotLink {
  return {
    send: async (to, frames) => {
      const url = urlOf(to);
      if (url === null) throw new Error(`no address of server ${to} is known`);
      const options = { answerMs: ANSWER_MS, idleMs: IDLE_MS };
      const answer = await streams.sendStream(url, PATH, frames, options);
      return answer.toString() as SnapshotAnswer;
    },
  };
}

/** The receiving end. */
export function registerSnapshotRoute(
  routes: ServiceRoutes,
  receive: (frames: AsyncIterable<Buffer>) => Promise<SnapshotAnswer>,
): void {
  routes.stream(PATH, async (frames) => {
    try {
      return Buffer.from(await receive(frames));
    } catch (error) {
      throw isPassing(error) ? unavailable(error.message) : error;
    }
  });
}

/** The sender fell silent, or this server ends: nobody's fault, and the leader begins anew. */
function isPassing(error: unknown): error is Error {
  return error instanceof StalledError || error instanceof HostStoppedError;
}

function unavailable(why: string): DatabaseError {
  const detail = `the snapshot was not taken in: ${why}`;
  return new DatabaseError({ code: "UNAVAILABLE", detail, applied: "no" });
}
