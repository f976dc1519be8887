/** Numbers as a page says them: four digits that mean something, and the unit beside it. */
const NONE = '–';

/** `0.0213`, `12,038`, `3.2e-7`; a dash where there is none. */
export function showNumber(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e9)) return trimExponent(value.toExponential(3));
  if (Number.isInteger(value)) return value.toLocaleString('en');
  return value.toLocaleString('en', { maximumSignificantDigits: size >= 1_000 ? Math.ceil(Math.log10(size)) : 4 });
}

const trimExponent = (text: string): string => text.replace(/\.?0+e/, 'e').replace('e+', 'e');

export const showCount = (value: number | null | undefined): string =>
  value === null || value === undefined ? NONE : value.toLocaleString('en');

/** `1 run`, `2 runs`. */
export const showMany = (count: number, one: string, many = `${one}s`): string => `${showCount(count)} ${count === 1 ? one : many}`;

const BYTE_UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

/** Powers of 1,000, as disks and providers count. */
export function showBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined) return NONE;
  const power = bytes < 1_000 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), BYTE_UNITS.length - 1);
  const value = bytes / 1_000 ** power;
  return `${value.toLocaleString('en', { maximumFractionDigits: power === 0 || value >= 100 ? 0 : 1 })} ${BYTE_UNITS[power]}`;
}

/** @param fraction 0 to 1. `100 %` is said only of what is done. */
export function showPercent(fraction: number | null | undefined): string {
  if (fraction === null || fraction === undefined) return NONE;
  if (fraction >= 1) return '100 %';
  const percent = Math.floor(fraction * 1_000) / 10;
  return `${percent < 10 ? percent.toFixed(1) : Math.floor(percent)} %`;
}
