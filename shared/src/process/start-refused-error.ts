/** The server cannot go on as it was started; the message tells the operator what to do. Exit status 2. */
export class StartRefusedError extends Error {
  override readonly name: string = "StartRefusedError";
}
