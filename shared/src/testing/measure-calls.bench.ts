/**
 * The time of one call of a small synchronous function, for benchmarks: the median of several rounds,
 * after enough calls for the compiler to have settled.
 */
const ROUNDS = 9;
const ROUND_MS = 40;
const WARM_UP_MS = 200;

/** Prints the name and the median time of one call in microseconds. */
export function measureCalls(name: string, call: () => unknown): void {
  const warm = callsWithin(WARM_UP_MS, call);
  const calls = Math.max(1, Math.round((warm * ROUND_MS) / WARM_UP_MS));
  const micros: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = performance.now();
    for (let count = 0; count < calls; count++) call();
    micros.push(((performance.now() - before) * 1000) / calls);
  }
  micros.sort((a, b) => a - b);
  const median = micros[Math.floor(ROUNDS / 2)] ?? 0;
  process.stdout.write(`${median.toFixed(2).padStart(10)} us  ${name}\n`);
}

function callsWithin(durationMs: number, call: () => unknown): number {
  const end = performance.now() + durationMs;
  let calls = 0;
  while (performance.now() < end) {
    call();
    calls++;
  }
  return calls;
}
