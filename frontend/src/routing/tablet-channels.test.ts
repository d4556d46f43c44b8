import { expect, test } from "vitest";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import { ServerDirectory } from "./server-directory.ts";
import { TabletChannels } from "./tablet-channels.ts";
import { server } from "./testing/fake-tablet.ts";

function channels() {
  const clock = new SimulatedClock(new SeededRandom(1), nextMacrotask);
  const servers = new ServerDirectory();
  const events: string[] = [];
  const open = (url: string) => {
    events.push(`open ${url}`);
    return {
      load: { calls: 1, bytes: url.length },
      call: (payload: Buffer) => Promise.resolve(Buffer.concat([Buffer.from(url), payload])),
      close: () => void events.push(`close ${url}`),
    };
  };
  const made = new TabletChannels({ clock, servers, open, idleMs: 1_000 });
  const at = (url: string) => servers.learn({ serverId: server(1), name: "ts1", url });
  const call = async (forMs: number) => {
    return (await made.call(server(1), Buffer.from("!"), clock.monotonicMs() + forMs)).toString();
  };
  return { clock, at, call, events, channels: made };
}

test("a server has one channel, opened when first used and closed after idling", async () => {
  const { clock, at, call, events } = channels();
  await expect(call(100)).rejects.toMatchObject({ reason: "refused", sent: "no" });
  at("http://a");
  expect(await call(100)).toBe("http://a!");
  await clock.runFor(900);
  await call(100);
  await clock.runFor(900);
  expect(events).toEqual(["open http://a"]);
  await clock.runFor(2_000);
  expect(events).toEqual(["open http://a", "close http://a"]);
  await call(100);
  expect(events).toHaveLength(3);
});

test("a channel stays while a call may be open, also when the server has moved", async () => {
  const { clock, at, call, channels: all, events } = channels();
  at("http://a");
  await call(10_000);
  at("http://new");
  expect(await call(100)).toBe("http://new!");
  expect(all.loads.map(({ bytes }) => bytes)).toEqual([10, 8]);
  await clock.runFor(5_000);
  expect(events).toEqual(["open http://a", "open http://new", "close http://new"]);
  await call(100);
  await clock.runFor(10_000);
  expect(events).toContain("close http://a");
});

test("close breaks what is under way and refuses what comes", async () => {
  const { at, call, channels: all, events } = channels();
  at("http://a");
  await call(100);
  all.close();
  expect(events).toEqual(["open http://a", "close http://a"]);
  await expect(call(100)).rejects.toMatchObject({ reason: "refused", sent: "no" });
});
