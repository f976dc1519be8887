/** Values of options: each parser names the value and what is allowed. */
import { InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { distance } from 'fastest-levenshtein';

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
const LENGTH = /^(\d+(?:\.\d+)?)(s|m|h|d)$/;
const MOMENT = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/;

/** An option of a few words; completion knows them, and a typo is met with a suggestion. */
export const choiceOption = (flags: string, description: string, values: readonly string[]) =>
  new Option(flags, description).choices(values).argParser((text) => oneOf(values, text));

/** Several of a few words, with commas between them. */
export const choicesOption = (flags: string, description: string, values: readonly string[]) =>
  new Option(flags, description).choices(values).argParser((text) => {
    const given = text.split(',').map((word) => oneOf(values, word.trim()));
    return given.join(',');
  });

/** @throws InvalidArgumentError */
export function oneOf<Value extends string>(values: readonly Value[], text: string): Value {
  const found = values.find((value) => value === text);
  if (found !== undefined) return found;
  const near = values.find((value) => distance(value, text.toLowerCase()) <= 2);
  throw new InvalidArgumentError(`Must be one of ${values.join(', ')}${near ? `; did you mean ${near}?` : '.'}`);
}

export const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Must be a whole number, ${least.toLocaleString('en-US')} to ${most.toLocaleString('en-US')}.`);
  };

/** `90s`, `30m`, `12h`, `14d`. @returns seconds */
export function lengthOfTime(text: string): number {
  const [, count, unit] = LENGTH.exec(text) ?? [];
  if (count !== undefined && unit !== undefined) return Math.round(Number(count) * (UNIT_SECONDS[unit] ?? 1));
  throw new InvalidArgumentError('Must be like 90s, 30m, 12h or 14d.');
}

/** A moment, or how long ago it was; a time without an offset is of UTC, as in the APIs. @returns milliseconds since 1970 */
export function moment(text: string): number {
  if (LENGTH.test(text)) return Date.now() - lengthOfTime(text) * 1_000;
  const hasOffset = !text.includes('T') || /(Z|[+-]\d\d:?\d\d)$/.test(text);
  const time = MOMENT.test(text) ? Date.parse(hasOffset ? text : `${text}Z`) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new InvalidArgumentError('Must be how long ago (90s, 5m, 2h, 7d) or a time (2026-11-25, 2026-11-25T10:30:00Z).');
}

/** Gathers an option that may be given several times. */
export const gather = (text: string, before: string[] | undefined): string[] => [...(before ?? []), text];
