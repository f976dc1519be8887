/**
 * What an hour of a machine costs, where its owner says so: the plane knows no prices, and none is made up. Kept in this browser, one for each
 * provider, in US dollars.
 */
import { signal } from '@preact/signals';

const KEY = 'tuneplane-prices';
type Prices = Readonly<Record<string, number>>;

export const prices = signal<Prices>(readPrices(localStorage.getItem(KEY)));

/** @param hourly null: not known */
export function setPrice(provider: string, hourly: number | null): void {
  const { [provider]: _, ...others } = prices.peek();
  prices.value = hourly === null ? others : { ...others, [provider]: hourly };
  localStorage.setItem(KEY, JSON.stringify(prices.value));
}

/** Dollars for so many seconds of one machine of a provider; null where its price is not known. */
export const costOf = (provider: string, seconds: number, known: Prices): number | null => {
  const hourly = known[provider];
  return hourly === undefined ? null : (hourly * seconds) / 3_600;
};

export const showDollars = (dollars: number | null): string =>
  dollars === null ? '–' : `$${dollars.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: dollars < 0.1 ? 4 : 2 })}`;

export function readPrices(text: string | null): Prices {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    if (typeof value !== 'object' || value === null) return {};
    return Object.fromEntries(
      Object.entries(value).filter(([, price]) => typeof price === 'number' && Number.isFinite(price) && price >= 0),
    );
  } catch {
    return {}; // not ours, or torn: as if nothing was kept
  }
}
