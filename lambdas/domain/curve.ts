/** Curves of any length in a few points: neighbouring buckets merge, and keep least and greatest, so that no spike is lost. */
import type { Overview } from './run-folder.ts';

export type Bucket = Overview['series'][string][number];

export const toBucket = (step: number, value: number): Bucket => ({
  fromStep: step,
  toStep: step,
  count: 1,
  min: value,
  max: value,
  mean: value,
  last: value,
});

/** At most `points` buckets, each of as many neighbours as its next. */
export function reduceBuckets(buckets: readonly Bucket[], points: number): Bucket[] {
  if (buckets.length <= points) return [...buckets];
  return Array.from({ length: points }, (_, index) => {
    const [first, ...others] = buckets.slice(
      Math.floor((index * buckets.length) / points),
      Math.floor(((index + 1) * buckets.length) / points),
    );
    if (first === undefined) throw new Error('more points than buckets'); // cannot be: there are more buckets than points
    return others.reduce(merge, first);
  });
}

function merge(before: Bucket, after: Bucket): Bucket {
  const count = before.count + after.count;
  return {
    fromStep: before.fromStep,
    toStep: after.toStep,
    count,
    min: Math.min(before.min, after.min),
    max: Math.max(before.max, after.max),
    mean: before.mean * (before.count / count) + after.mean * (after.count / count),
    last: after.last,
  };
}

/** Those that reach into a range of steps, both ends included. */
export const within = (buckets: readonly Bucket[], fromStep: number, toStep: number): Bucket[] =>
  buckets.filter((bucket) => bucket.toStep >= fromStep && bucket.fromStep <= toStep);

export const countPoints = (buckets: readonly Bucket[]): number => buckets.reduce((sum, { count }) => sum + count, 0);
