/** Durations as text: `500ms`, `5s`, `2m`, `1h`. Whole numbers, one unit. */
const DURATION = /^(0|[1-9][0-9]{0,8})(ms|s|m|h)$/;

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** Milliseconds; null: not a duration. */
export function durationMs(text: string): number | null {
  const match = DURATION.exec(text);
  if (match === null) return null;
  return Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
}
