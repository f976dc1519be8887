import { showNumber } from './numbers.ts';

/** A parameter's value as it is read in a table. */
export function showValue(value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : showNumber(value);
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(showValue).join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
