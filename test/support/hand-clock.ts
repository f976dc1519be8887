import type { Clock } from '#ports/workflow.ts';
import { EPOCH } from './builders.ts';

/** A clock that stands until a test moves it. */
export class HandClock implements Clock {
  millis = EPOCH;

  now(): number {
    return this.millis;
  }

  advance(millis: number): void {
    this.millis += millis;
  }
}
