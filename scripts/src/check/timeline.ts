/** Operations as bars on a common line of time, one a row. */
export interface TimelineRow {
  readonly label: string;
  readonly call: number;
  /** Null: it does not end. */
  readonly end: number | null;
}

const WIDTH = 56;

export function timeline(rows: readonly TimelineRow[]): string[] {
  if (rows.length === 0) return [];
  const times = rows.flatMap(({ call, end }) => (end === null ? [call] : [call, end]));
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const column = (time: number): number =>
    to === from ? 0 : Math.round(((time - from) / (to - from)) * (WIDTH - 1));
  const labelWidth = Math.max(...rows.map(({ label }) => label.length));
  return rows.map(({ label, call, end }) => {
    const start = column(call);
    const stop = end === null ? WIDTH : column(end);
    const inside = "-".repeat(Math.max(0, stop - start - 1));
    const bar = start === stop ? "|" : `|${inside}${end === null ? ">" : "|"}`;
    const span = end === null ? `${timeText(call)} ..` : `${timeText(call)} .. ${timeText(end)}`;
    return `  ${label.padEnd(labelWidth)}  ${(" ".repeat(start) + bar).padEnd(WIDTH + 1)}  ${span}`;
  });
}

function timeText(time: number): string {
  return Number.isInteger(time) ? String(time) : time.toFixed(3);
}
