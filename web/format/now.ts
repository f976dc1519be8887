/** The present, for words like "4 min ago": read it only where they are shown. */
import { signal } from '@preact/signals';

const SLOW_MILLIS = 20_000;

/** Milliseconds since 1970, moved every second: for what counts while one looks. */
export const second = signal(Date.now());
/** The same, moved every 20 s: for what is long ago. */
export const minute = signal(Date.now());

setInterval(() => {
  const now = Date.now();
  second.value = now;
  if (now - minute.peek() >= SLOW_MILLIS) minute.value = now;
}, 1_000);
