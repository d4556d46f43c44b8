/** A history that cannot be read. The message names the line, counted from 1. */
export class HistoryFormatError extends Error {
  override readonly name = "HistoryFormatError";

  constructor(line: number, problem: string) {
    super(`line ${line}: ${problem}`);
  }
}
