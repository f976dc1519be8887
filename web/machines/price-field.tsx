import { useSignal } from '@preact/signals';
import { prices, setPrice } from '../runs/prices.ts';

/** Empty: no price is known. What is no price is not kept, and says so. */
export function PriceField({ provider }: { readonly provider: string }) {
  const text = useSignal(String(prices.peek()[provider] ?? ''));
  const price = Number(text.value);
  const isWrong = text.value.trim() !== '' && !(Number.isFinite(price) && price >= 0);
  const take = (next: string) => {
    text.value = next;
    const value = Number(next);
    if (next.trim() === '') setPrice(provider, null);
    else if (Number.isFinite(value) && value >= 0) setPrice(provider, value);
  };
  return (
    <>
      <input
        type="text"
        class="price"
        inputMode="decimal"
        placeholder="not known"
        aria-label={`US dollars an hour of a machine of ${provider}`}
        aria-invalid={isWrong}
        value={text.value}
        onInput={(event) => take(event.currentTarget.value)}
      />
      {isWrong && <span class="fault">must be a number of at least 0</span>}
    </>
  );
}
