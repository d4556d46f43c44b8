import { createServer } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { encodePart, MAX_REPLY_BYTES, PART_BYTES } from "./batch-frames.ts";
import {
  channelTo,
  cleanUp,
  failureOf,
  inMs,
  listen,
  responding,
} from "./testing/channel-harness.adapter.ts";

afterEach(cleanUp);

describe("large replies on a batch channel", () => {
  test("replies of 64 MiB beside small ones: all arrive whole, the small ones first", async () => {
    const row = Buffer.alloc(64 * 2 ** 20);
    for (let at = 0; at < row.length; at += 4096) row.writeUInt32BE(at, at);
    const server = createServer(
      responding((calls) => {
        for (const call of calls) {
          if (call.payload.toString() === "row") call.reply(row.subarray(0, 99), row.subarray(99));
          else call.reply(call.payload);
        }
      }),
    );
    const channel = channelTo(await listen(server));
    const settled: string[] = [];
    const rows = [1, 2].map(async () => {
      const reply = await channel.call(Buffer.from("row"), inMs(20_000));
      settled.push("row");
      return reply;
    });
    const smalls = Array.from({ length: 20 }, async (_, at) => {
      const reply = await channel.call(Buffer.from(`small ${at}`), inMs(20_000));
      settled.push("small");
      return reply.toString();
    });
    expect(await Promise.all(smalls)).toEqual(smalls.map((_, at) => `small ${at}`));
    // Asked for while the rows are on their way.
    while (settled.length < 40) {
      await channel.call(Buffer.from("small"), inMs(20_000));
      settled.push("small");
    }
    expect(settled).not.toContain("row");
    for (const reply of await Promise.all(rows)) expect(reply.equals(row)).toBe(true);
  });

  test("a reply above the limit fails its own call and no other", async () => {
    const tooLarge = Buffer.alloc(MAX_REPLY_BYTES + 1);
    const server = createServer(
      responding((calls) => {
        for (const call of calls) {
          call.reply(call.payload.toString() === "large" ? tooLarge : call.payload);
        }
      }),
    );
    const channel = channelTo(await listen(server));
    const large = failureOf(channel.call(Buffer.from("large"), inMs(5_000)));
    const small = channel.call(Buffer.from("small"), inMs(5_000));
    expect(await large).toMatchObject({ reason: "too-large", sent: "maybe" });
    expect((await small).toString()).toBe("small");
  });

  test("gathers so many bytes of large replies at a time; a further one fails its call", async () => {
    const reply = Buffer.alloc(4 * PART_BYTES, "x");
    const server = createServer(responding((calls) => calls.forEach((call) => call.reply(reply))));
    const channel = channelTo(await listen(server), { replyBytes: 6 * PART_BYTES });
    const first = channel.call(Buffer.from("a"), inMs(5_000));
    const second = failureOf(channel.call(Buffer.from("b"), inMs(5_000)));
    expect((await first).equals(reply)).toBe(true);
    expect(await second).toMatchObject({ reason: "overloaded", sent: "maybe" });
    expect((await channel.call(Buffer.from("c"), inMs(5_000))).equals(reply)).toBe(true);
  });

  test("parts that do not belong together break the reply", async () => {
    const server = createServer((request, response) => {
      request.resume().on("end", () => {
        const parts = [encodePart(1, 10, [Buffer.alloc(5)]), encodePart(1, 11, [Buffer.alloc(6)])];
        response.end(Buffer.concat(parts.flat()));
      });
    });
    const channel = channelTo(await listen(server));
    const failure = await failureOf(channel.call(Buffer.alloc(1), inMs(5_000)));
    expect(failure).toMatchObject({ reason: "broken", sent: "maybe" });
    expect(failure.message).toContain("beyond its reply");
  });
});
