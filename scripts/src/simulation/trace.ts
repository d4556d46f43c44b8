/**
 * The readable trace of a run: when, who, what. Nothing is put into words unless somebody reads it.
 */
import type { Log, LogFields, LogLevel } from "@stele/shared/log.ts";

const NAME_WIDTH = 4;
const TIME_WIDTH = 10;

export class Trace {
  readonly #nowMs: () => number;
  readonly #write: ((line: string) => void) | null;

  constructor(nowMs: () => number, write: ((line: string) => void) | null) {
    this.#nowMs = nowMs;
    this.#write = write;
  }

  get isRead(): boolean {
    return this.#write !== null;
  }

  note(who: string, what: string): void {
    if (this.#write === null) return;
    const seconds = (this.#nowMs() / 1000).toFixed(4).padStart(TIME_WIDTH);
    this.#write(`${seconds} ${who.padEnd(NAME_WIDTH)} ${what}`);
  }

  /** The log of one process. */
  logOf(who: string): Log {
    return this.#log(who, {});
  }

  #log(who: string, common: LogFields): Log {
    const at =
      (level: LogLevel) =>
      (fields: LogFields, message: string): void => {
        if (this.isRead) this.note(who, `${level}: ${message}${wordsOf({ ...common, ...fields })}`);
      };
    return {
      error: at("error"),
      warn: at("warn"),
      info: at("info"),
      debug: at("debug"),
      with: (fields) => this.#log(who, { ...common, ...fields }),
    };
  }
}

function wordsOf(fields: LogFields): string {
  const words = Object.entries(fields).map(([name, value]) => {
    const text = value instanceof Error ? value.message : JSON.stringify(value);
    return ` ${name}=${text}`;
  });
  return words.join("");
}
