// A launch that cannot go on, with a message meant for the person who started it.
export class LaunchError extends Error {
  override readonly name = "LaunchError";
  /** Exit code of the launcher: 2 for a request that cannot be met, 1 for everything else. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
