import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { delay } from "../clock.ts";
import { EventQueue } from "./event-queue.ts";
import type { SimulatedEvent } from "./event-queue.ts";
import { nextMacrotask } from "./macrotask.adapter.ts";
import { SeededRandom } from "../random.ts";
import { SimulatedClock } from "./simulated-clock.ts";

const clockOf = (seed: number): SimulatedClock =>
  new SimulatedClock(new SeededRandom(seed), nextMacrotask);

describe("a simulated clock", () => {
  test("runs timers in order of time and lets exactly that time pass", async () => {
    const clock = clockOf(1);
    const ran: string[] = [];
    clock.after(20, () => ran.push(`b ${clock.monotonicMs()}`));
    clock.after(10.5, () => ran.push(`a ${clock.monotonicMs()}`));
    clock.after(1000, () => ran.push("late"));
    await clock.runFor(30);
    expect(ran).toEqual(["a 10.5", "b 20"]);
    expect(clock.monotonicMs()).toBe(30);
  });

  test("runs every promise callback between two events, however deep", async () => {
    const clock = clockOf(1);
    let depth = 0;
    const dive = async (): Promise<void> => {
      for (let level = 0; level < 1000; level++) {
        await Promise.resolve();
        depth++;
      }
    };
    let seen = -1;
    clock.after(5, () => void dive());
    clock.after(5.001, () => (seen = depth));
    await clock.runFor(6);
    expect(seen).toBe(1000);
  });

  test("waits within waits keep to the time line", async () => {
    const clock = clockOf(1);
    const times: number[] = [];
    const run = async (): Promise<void> => {
      for (let at = 0; at < 3; at++) {
        await delay(clock, 7);
        times.push(clock.monotonicMs());
      }
    };
    void run();
    expect(await clock.runUntil(() => times.length === 3, 100)).toBe(true);
    expect(times).toEqual([7, 14, 21]);
    expect(await clock.runUntil(() => false, 100)).toBe(false);
  });

  test("one seed gives one order of events of a moment, other seeds other orders", async () => {
    const orderOf = async (seed: number): Promise<string> => {
      const clock = clockOf(seed);
      const ran: number[] = [];
      for (let at = 0; at < 8; at++) clock.after(1, () => ran.push(at));
      await clock.runFor(1);
      expect(clock.eventCount).toBe(8);
      return ran.join();
    };
    expect(await orderOf(7)).toBe(await orderOf(7));
    const orders = new Set(await Promise.all([1, 2, 3, 4, 5].map(orderOf)));
    expect(orders.size).toBeGreaterThan(1);
  });

  test("what one process wants done soon is done in the order given", async () => {
    const clock = clockOf(3);
    const [a, b] = [clock.process(), clock.process()];
    const ran: string[] = [];
    for (let at = 0; at < 20; at++) {
      a.soon(() => ran.push(`a${at}`));
      b.soon(() => ran.push(`b${at}`));
    }
    await clock.runFor(0);
    const of = (name: string): string[] => ran.filter((entry) => entry.startsWith(name));
    expect(of("a")).toEqual(Array.from({ length: 20 }, (_, at) => `a${at}`));
    expect(of("b")).toEqual(Array.from({ length: 20 }, (_, at) => `b${at}`));
    expect(ran).not.toEqual([...of("a"), ...of("b")]);
  });

  test("a process that always wants something done soon does not keep others from it", async () => {
    const clock = clockOf(4);
    const [busy, other] = [clock.process(), clock.process()];
    let done = false;
    const again = (): void => {
      if (!done) busy.soon(again);
    };
    busy.soon(again);
    other.soon(() => (done = true));
    await clock.runFor(0);
    expect(done).toBe(true);
  });

  test("a stopped process never runs again, a paused one runs late and in order", async () => {
    const clock = clockOf(5);
    const [stopped, paused] = [clock.process(), clock.process()];
    const ran: string[] = [];
    stopped.after(1, () => ran.push("stopped"));
    const cancelled = paused.after(3, () => ran.push("cancelled"));
    paused.after(1, () => ran.push(`first ${clock.monotonicMs()}`));
    paused.after(2, () => ran.push(`second ${clock.monotonicMs()}`));
    stopped.stop();
    paused.pause();
    await clock.runFor(10);
    expect(ran).toEqual([]);
    paused.resume();
    cancelled();
    await clock.runFor(0);
    expect(ran).toEqual(["first 10", "second 10"]);
  });

  test("the wall clocks of processes may differ", () => {
    const clock = clockOf(6);
    expect(clock.process(1500).wallMicros() - clock.wallMicros()).toBe(1500);
    expect(Number.isSafeInteger(clock.process(-1).wallMicros())).toBe(true);
  });

  test("an error in an event reaches whoever runs the clock", async () => {
    const clock = clockOf(1);
    clock.soon(() => {
      throw new RangeError("broken");
    });
    await expect(clock.step()).rejects.toThrow(RangeError);
  });
});

describe("the event queue", () => {
  test("gives what a sorted list gives, with cancellations", () => {
    const operation = fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant("add" as const), time: fc.nat(20) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("cancel" as const), time: fc.nat() }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("take" as const), time: fc.nat(0) }) },
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
        const queue = new EventQueue();
        let model: SimulatedEvent[] = [];
        const all: SimulatedEvent[] = [];
        for (const { kind, time } of operations) {
          if (kind === "add") {
            const event = queue.add(time, time % 3, () => {});
            all.push(event);
            model.push(event);
          } else if (kind === "cancel") {
            const victim = all[time % Math.max(1, all.length)];
            if (victim !== undefined) queue.cancel(victim);
            model = model.filter((event) => event !== victim);
          } else {
            model = model.toSorted((a, b) => a.timeMs - b.timeMs || a.order - b.order);
            expect(queue.take()).toBe(model.shift() ?? null);
          }
        }
      }),
    );
  });
});
