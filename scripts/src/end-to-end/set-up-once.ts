// What all tests of a file share: started before the first, stopped after the last.
import { afterAll, beforeAll, expect } from "vitest";

export interface Stoppable {
  /** Resolves to what the servers complained of. */
  stop(): Promise<readonly string[]>;
}

/** `use` gets it before the first test. After the last one, no server may have complained of anything. */
export function setUpOnce<Started extends Stoppable>(
  start: () => Promise<Started>,
  use: (started: Started) => void,
): void {
  let started: Started | null = null;
  beforeAll(async () => {
    started = await start();
    use(started);
  });
  afterAll(async () => {
    if (started !== null) expect(await started.stop()).toEqual([]);
  });
}
