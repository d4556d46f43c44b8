import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { delay } from "../clock.ts";
import { EventQueue } from "./event-queue.ts";
import type { SimulatedEvent } from "./event-queue.ts";
import { nextMacrotask } from "./macrotask.adapter.ts";
import { SeededRandom } from "../random.ts";
import { RollingHash } from "./rolling-hash.ts";
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

  test("a stopped process never runs again, a paused one runs late, its timers in order", async () => {
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

  test("who goes on finds timers or what came first, of each source in order, else in any", async () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 400; seed++) {
      const line = clockOf(seed);
      const process = line.process();
      const [x, y] = [{}, {}];
      const ran: string[] = [];
      process.pause();
      process.arrive(1, x, () => ran.push("x1"));
      process.after(2, () => ran.push("t1"));
      process.arrive(3, y, () => ran.push("y"));
      process.arrive(4, x, () => ran.push("x2"));
      process.after(5, () => ran.push("t2"));
      await line.runFor(10);
      process.resume();
      await line.runFor(0);
      orders.add(ran.join(" "));
    }
    expect([...orders].sort()).toEqual([
      "t1 t2 x1 x2 y",
      "t1 t2 x1 y x2",
      "t1 t2 y x1 x2",
      "x1 x2 y t1 t2",
      "x1 y x2 t1 t2",
      "y x1 x2 t1 t2",
    ]);
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

describe("a process's own clock", () => {
  test("at another rate runs on without a jump, and its timers come by its own time", async () => {
    const line = clockOf(1);
    const process = line.process(250);
    await line.runFor(1_000);
    const ran: string[] = [];
    const note = (what: string): void => {
      ran.push(`${what} at ${Math.round(line.monotonicMs())}, own ${process.monotonicMs()}`);
    };
    process.after(100, () => note("set before"));
    line.after(100, () => note("of another"));
    process.setRate(2);
    expect(process.monotonicMs()).toBe(1_000);
    process.after(300, () => note("set while fast"));
    await line.runFor(100);
    expect(ran).toEqual(["set before at 1050, own 1100", "of another at 1100, own 1200"]);
    expect(process.wallMicros() - line.wallMicros()).toBe(250 + 100_000);
    process.setRate(0.5);
    await line.runFor(200);
    process.setRate(1);
    expect(ran[2]).toBe("set while fast at 1300, own 1300");
    await line.runFor(500);
    expect(process.monotonicMs()).toBe(1_800);
  });

  test("a deadline that it waits for has come when it wakes, at any rate", async () => {
    const random = new SeededRandom(2);
    const line = clockOf(2);
    const process = line.process();
    let woken = 0;
    let early = 0;
    const wakeAt = (deadlineMs: number): void => {
      process.after(deadlineMs - process.monotonicMs(), () => {
        woken++;
        if (process.monotonicMs() < deadlineMs) early++;
      });
    };
    for (let at = 0; at < 500; at++) {
      process.setRate(0.95 + random.below(1_000) / 10_000);
      wakeAt(process.monotonicMs() + random.below(10_000) / 7);
      await line.runFor(random.below(100) / 3);
    }
    await line.runFor(2_000);
    expect({ woken, early }).toEqual({ woken: 500, early: 0 });
  });

  test("cancelled timers stay cancelled, whatever its rate and its pauses", async () => {
    const line = clockOf(3);
    const process = line.process();
    const ran: string[] = [];
    const cancels = ["early", "late", "resumed"].map((name) =>
      process.after(10, () => ran.push(name)),
    );
    cancels[0]?.();
    process.setRate(3);
    process.pause();
    await line.runFor(10);
    cancels[1]?.();
    process.resume();
    cancels[2]?.();
    await line.runFor(100);
    expect(ran).toEqual([]);
  });

  test("its wall clock jumps either way, its monotonic clock and its timers do not", async () => {
    const line = clockOf(4);
    const process = line.process();
    let ran = false;
    process.after(10, () => (ran = true));
    const before = process.wallMicros();
    process.jumpWall(3_600_000_000);
    expect(process.wallMicros() - before).toBe(3_600_000_000);
    process.jumpWall(-7_200_000_000);
    expect(process.wallMicros() - before).toBe(-3_600_000_000);
    expect(process.monotonicMs()).toBe(0);
    await line.runFor(9.9);
    expect(ran).toBe(false);
    await line.runFor(0.1);
    expect(ran).toBe(true);
  });
});

describe("a crash point", () => {
  test("stops the process right before its nth next callback, of all those it awaits", async () => {
    const line = clockOf(5);
    const [victim, other] = [line.process(), line.process()];
    let steps = 0;
    let others = 0;
    const work = async (): Promise<void> => {
      for (;;) {
        await delay(victim, 5);
        steps++;
      }
    };
    void work();
    for (let at = 0; at < 50; at++) other.after(at, () => others++);
    victim.beforeNthEvent(4, () => victim.stop());
    await line.runFor(100);
    expect(steps).toBe(3);
    expect(others).toBe(50);
  });

  test("that only pauses lets the callback run on return; points count apart", async () => {
    const line = clockOf(6);
    const process = line.process();
    const ran: string[] = [];
    for (const name of ["a", "b", "c", "d"]) process.soon(() => ran.push(name));
    process.beforeNthEvent(3, () => process.pause());
    process.beforeNthEvent(2, () => ran.push("seen"));
    await line.runFor(10);
    expect(ran).toEqual(["a", "seen", "b"]);
    process.resume();
    await line.runFor(0);
    expect(ran).toEqual(["a", "seen", "b", "c", "d"]);
  });
});

describe("whoever watches the time line", () => {
  test("is told whose event it was, when all that follows from it has happened", async () => {
    const line = clockOf(7);
    const [a, b] = [line.process(), line.process()];
    const seen: string[] = [];
    let depth = 0;
    const dive = async (): Promise<void> => {
      for (let level = 0; level < 100; level++) await Promise.resolve();
      depth++;
    };
    line.onEvent = (process) => seen.push(`${process === a ? "a" : "b"} ${depth}`);
    a.after(1, () => void dive());
    b.after(2, () => void dive());
    a.after(3, () => {});
    b.after(2.5, () => seen.push("never"));
    line.after(2.2, () => {});
    await line.step();
    expect(seen).toEqual(["a 1"]);
    line.onEvent = (process) => {
      seen.push(`${process === a ? "a" : process === b ? "b" : "line"} ${depth}`);
      if (seen.length === 3) b.stop();
    };
    await line.runFor(10);
    expect(seen).toEqual(["a 1", "b 2", "line 2", "a 2"]);
  });

  test("stops it by an error or a condition, and time stays where it stopped", async () => {
    const line = clockOf(8);
    for (let at = 1; at <= 10; at++) line.after(at, () => {});
    line.onEvent = () => {
      if (line.monotonicMs() === 3) throw new RangeError("seen enough");
    };
    await expect(line.runFor(20)).rejects.toThrow(RangeError);
    expect(line.monotonicMs()).toBe(3);
    expect(await line.runFor(20, () => line.monotonicMs() < 6)).toBe(false);
    expect(line.monotonicMs()).toBe(6);
    expect(await line.runFor(20, () => true)).toBe(true);
    expect(line.monotonicMs()).toBe(26);
    expect(line.eventCount).toBe(10);
  });

  test("finds equal digests for equal runs alone", async () => {
    const digestOf = async (seed: number, late: number, mixed = 0): Promise<string> => {
      const line = clockOf(seed);
      const processes = [line.process(), line.process()];
      for (let at = 0; at < 40; at++) processes[at % 2]?.after(at % 7, () => line.mixIn(mixed));
      line.after(late, () => {});
      await line.runFor(10);
      expect(line.eventCount).toBe(41);
      return line.digest;
    };
    expect(await digestOf(1, 3)).toBe(await digestOf(1, 3));
    expect(await digestOf(1, 3)).toMatch(/^[0-9a-f]{16}$/);
    const all = [digestOf(1, 3), digestOf(2, 3), digestOf(1, 3.5), digestOf(1, 3, 1)];
    expect(new Set(await Promise.all(all)).size).toBe(4);
  });
});

test("a rolling hash tells apart what differs in one number or in the order", () => {
  const digest = (numbers: readonly number[]): string => {
    const hash = new RollingHash();
    for (const number of numbers) hash.add(number);
    return hash.digest;
  };
  const pairs = Array.from({ length: 20_000 }, (_, at) => digest([at % 200, (at / 200) | 0]));
  expect(new Set(pairs).size).toBe(20_000);
  expect(new Set([[], [0], [0, 0], [-1], [0.5], [2 ** 53]].map(digest)).size).toBe(6);
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
        const queue = new EventQueue<null>();
        let model: SimulatedEvent<null>[] = [];
        const all: SimulatedEvent<null>[] = [];
        for (const { kind, time } of operations) {
          if (kind === "add") {
            const event = queue.add(time, time % 3, null, null, () => {});
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
