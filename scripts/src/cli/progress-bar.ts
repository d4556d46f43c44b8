// How a bar of progress looks, in every command that shows one.
import type { Options } from "cli-progress";

export const PROGRESS_BAR: Options = {
  barsize: 24,
  barCompleteChar: "=",
  barIncompleteChar: "-",
  hideCursor: true,
  clearOnComplete: true,
  gracefulExit: false,
  linewrap: null,
};

/** Where there is no terminal, a line so often instead. */
export const PROGRESS_LINE_EVERY_MS = 10_000;
