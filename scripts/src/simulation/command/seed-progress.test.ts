import { expect, test } from "vitest";
import { RunFigures } from "./run-figures.ts";
import { SeedProgress } from "./seed-progress.adapter.ts";

const SHOWN_CURSOR = "\x1b[?25h";
const HIDDEN_CURSOR = "\x1b[?25l";

function terminal(): { readonly output: { write(text: string): void }; text(): string } {
  let text = "";
  return { output: Object.assign({ isTTY: true }, { write: add }), text: () => text };
  function add(more: string): void {
    text += more;
  }
}

test("a bar estimates what is left from the first seed on, not before", () => {
  const { output, text } = terminal();
  const progress = new SeedProgress(output, 100);
  const figures = new RunFigures(1);
  expect(text()).toContain("0/100 seeds");
  expect(text()).not.toContain("left");
  progress.aside(() => {
    figures.seeds = 4;
    figures.realMs = 2_000;
    progress.advance(figures, null);
  });
  expect(text()).toContain("4/100 seeds, 48 s left, 0 times real time");
  progress.stop();
});

test("the cursor is back while lines are written aside, and after the end", () => {
  const { output, text } = terminal();
  const listeners = process.listenerCount("exit");
  const progress = new SeedProgress(output, 100);
  expect(lastCursor(text())).toBe(HIDDEN_CURSOR);
  let aside = "";
  progress.aside(() => (aside = lastCursor(text())));
  expect(aside).toBe(SHOWN_CURSOR);
  expect(lastCursor(text())).toBe(HIDDEN_CURSOR);
  progress.stop();
  expect(lastCursor(text())).toBe(SHOWN_CURSOR);
  expect(process.listenerCount("exit")).toBe(listeners);
});

function lastCursor(text: string): string {
  return text.lastIndexOf(SHOWN_CURSOR) > text.lastIndexOf(HIDDEN_CURSOR)
    ? SHOWN_CURSOR
    : HIDDEN_CURSOR;
}
