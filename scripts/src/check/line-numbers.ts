/** Where an operation stands in its history. */
const SHOWN_MAX = 4;

/** `line 3`, or `lines 3, 7` of attempts that are one operation; of many the first. Never of none. */
export function lineNumbers(lines: readonly number[]): string {
  const shown = lines.slice(0, SHOWN_MAX).join(", ");
  const more = lines.length > SHOWN_MAX ? ` and ${lines.length - SHOWN_MAX} more` : "";
  return `${lines.length === 1 ? "line" : "lines"} ${shown}${more}`;
}
