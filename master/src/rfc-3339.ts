/**
 * Instants as text, without the clock of the process: days are counted as in the proleptic Gregorian
 * calendar (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
 */
const MICROS_A_DAY = 86_400_000_000;

/** UTC, with milliseconds: `2026-11-21T20:54:21.000Z`. `micros` >= 0, since 1970. */
export function rfc3339(micros: number): string {
  const days = Math.floor(micros / MICROS_A_DAY);
  const ms = Math.floor((micros - days * MICROS_A_DAY) / 1000);
  const { year, month, day } = civilFromDays(days);
  const part = (value: number, digits: number): string => String(value).padStart(digits, "0");
  const time = [ms / 3_600_000, (ms / 60_000) % 60, (ms / 1000) % 60]
    .map((value) => part(Math.floor(value), 2))
    .join(":");
  return `${part(year, 4)}-${part(month, 2)}-${part(day, 2)}T${time}.${part(ms % 1000, 3)}Z`;
}

/** `days` since 1970-01-01. Eras of 400 years begin on 0000-03-01, so that leap days end a year. */
function civilFromDays(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}
