import { describe, expect, test } from 'vitest';
import { chooseOffers, isOfType, type Offer, type Wish } from '#domain/offers.ts';
import { aComputeNeed } from '../support/builders.ts';

const anOffer = (overrides: Partial<Offer> = {}): Offer => ({
  key: 'a',
  gpuType: 'NVIDIA H100 80GB HBM3',
  gpus: 1,
  gpuMemoryGb: 80,
  region: 'US-TX-3',
  spot: false,
  usdPerHour: 2.69,
  stock: 'high',
  host: null,
  usdPerGbOut: 0,
  usdPerGbIn: 0,
  isUnverified: false,
  ...overrides,
});
const aWish = (need: Parameters<typeof aComputeNeed>[0] = {}, overrides: Partial<Wish> = {}): Wish => ({
  need: aComputeNeed(need),
  memoryGb: 24,
  avoid: new Set(),
  allowUnverified: false,
  ...overrides,
});
const keysOf = (offers: readonly Offer[], wish: Wish): string[] => chooseOffers(offers, wish).offers.map(({ key }) => key);

test('the cheapest comes first, and of one price the one that is likelier there', () => {
  const offers = [
    anOffer({ key: 'dear', usdPerHour: 3 }),
    anOffer({ key: 'low', usdPerHour: 1, stock: 'low' }),
    anOffer({ key: 'high', usdPerHour: 1, stock: 'high' }),
  ];

  expect(keysOf(offers, aWish())).toEqual(['high', 'low', 'dear']);
});

test('each reason not to take offers is told with their number', () => {
  const offers = [
    anOffer({ key: 'right' }),
    anOffer({ gpus: 8 }),
    anOffer({ gpuType: 'RTX 4090' }),
    anOffer({ gpuMemoryGb: 40 }),
    anOffer({ region: 'EU-RO-1' }),
    anOffer({ isUnverified: true }),
    anOffer({ stock: 'none' }),
    anOffer({ usdPerHour: 9 }),
    anOffer({ usdPerHour: 8 }),
    anOffer({ host: 'machine 7' }),
  ];
  const wish = aWish({ gpuType: 'H100', region: 'US', maxUsdPerHour: 3 }, { memoryGb: 79, avoid: new Set(['machine 7']) });

  const { offers: chosen, refusals } = chooseOffers(offers, wish);

  expect(chosen.map(({ key }) => key)).toEqual(['right']);
  expect(refusals).toEqual([
    '1 offer without 1 GPU',
    '1 offer of another GPU than H100',
    '1 offer below 79 GB of GPU memory',
    '1 offer outside US',
    '1 offer of unverified hosts',
    '1 offer out of stock',
    '2 offers above 3 USD an hour',
    '1 offer of hosts that failed this run before',
  ]);
});

test('memory counts over all GPUs of a machine, and a card may be listed a little below its name', () => {
  expect(keysOf([anOffer({ gpus: 2, gpuMemoryGb: 80 })], aWish({ gpusPerNode: 2 }, { memoryGb: 150 }))).toEqual(['a']);
  expect(keysOf([anOffer({ gpuMemoryGb: 23.99 })], aWish({}, { memoryGb: 24 }))).toEqual(['a']);
});

test('an offer that failed this run is tried last, where its provider names no host', () => {
  const offers = [anOffer({ key: 'broken', usdPerHour: 1 }), anOffer({ key: 'other', usdPerHour: 2 })];

  expect(keysOf(offers, aWish({}, { avoid: new Set(['broken']) }))).toEqual(['other', 'broken']);
});

describe('it is hopeless', () => {
  test('where nothing that is listed would ever do', () => {
    expect(chooseOffers([anOffer()], aWish({ gpuType: 'B300' })).isHopeless).toBe(true);
    expect(chooseOffers([anOffer({ isUnverified: true })], aWish()).isHopeless).toBe(true);
  });

  test('but not where it is only sold out, or too dear today', () => {
    expect(chooseOffers([anOffer({ stock: 'none' })], aWish()).isHopeless).toBe(false);
    expect(chooseOffers([anOffer()], aWish({ maxUsdPerHour: 1 })).isHopeless).toBe(false);
  });
});

test.each([
  ['H100', 'NVIDIA H100 80GB HBM3', true],
  ['h100', 'H100 (80 GB SXM5)', true],
  ['RTX_4090', 'NVIDIA GeForce RTX 4090', true],
  ['4090', 'RTX 4090', true],
  ['A100 80GB', 'NVIDIA A100 80GB PCIe', true],
  ['A10', 'NVIDIA A100 80GB PCIe', false],
  ['A10', 'A10 (24 GB PCIe)', true],
  ['L4', 'L40S', false],
  ['H200', 'H100 SXM', false],
  ['RTX 3090', 'RTX 4090', false],
])('%s means %s: %s', (wanted, gpuType, expected) => {
  expect(isOfType({ gpuType }, wanted)).toBe(expected);
});

test.each([
  ['US', 'US-TX-3', true],
  ['us', 'us-east-1', true],
  ['US', 'Texas, US', true],
  ['EU-RO-1', 'EU-RO-1', true],
  ['us-east-1', 'us-east-2', false],
  ['AU', 'AUSTRIA', false],
])('the region %s takes %s: %s', (region, place, expected) => {
  expect(keysOf([anOffer({ region: place })], aWish({ region })).length === 1).toBe(expected);
});
