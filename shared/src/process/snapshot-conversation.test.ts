import { expect, test } from "vitest";
import { StalledError } from "../replication/stall-limit.ts";
import { HostStoppedError } from "../replication/store-turn.ts";
import type { StreamHandler } from "../rpc/frame-stream.ts";
import { registerSnapshotRoute } from "./snapshot-conversation.ts";

function handlerOf(error: Error): StreamHandler {
  const handlers: StreamHandler[] = [];
  const routes = {
    exchange: () => {},
    route: () => {},
    stream: (_path: string, handler: StreamHandler) => void handlers.push(handler),
  };
  registerSnapshotRoute(routes, () => Promise.reject(error));
  const [handler] = handlers;
  if (handler === undefined) throw new Error("nothing was registered");
  return handler;
}

async function* noFrames(): AsyncGenerator<Buffer> {}

test("a sender that falls silent, or a server that ends, is no failure of the route", async () => {
  const { signal } = new AbortController();
  for (const error of [new StalledError("nothing moved"), new HostStoppedError("closed")]) {
    const taking = handlerOf(error)(noFrames(), { signal });
    await expect(taking).rejects.toMatchObject({ code: "UNAVAILABLE", body: { applied: "no" } });
  }
  const bug = new TypeError("a bug");
  await expect(handlerOf(bug)(noFrames(), { signal })).rejects.toBe(bug);
});
