import { expect, test } from 'vitest';
import { lazyPort } from '#aws/lazy-port.ts';

class Counter {
  #count = 0;

  async add(by: number): Promise<number> {
    this.#count += by;
    return this.#count;
  }
}

test('loads its adapter with the first call, once, and keeps it', async () => {
  let loads = 0;
  const port = lazyPort<Counter>(async () => {
    loads += 1;
    return new Counter();
  });
  expect(loads).toBe(0);

  expect(await Promise.all([port.add(2), port.add(3)])).toEqual([2, 5]);
  expect(await port.add(1)).toBe(6);
  expect(loads).toBe(1);
});

test('a load that failed is tried again', async () => {
  let loads = 0;
  const port = lazyPort<Counter>(async () => {
    if (++loads === 1) throw new Error('not now');
    return new Counter();
  });

  await expect(port.add(1)).rejects.toThrow('not now');
  expect(await port.add(1)).toBe(1);
});
