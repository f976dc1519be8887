/** Stretches of time and moments, in words as short as they can be. */
const NONE = '–';

/** `0.4 s`, `12 s`, `3 m 12 s`, `2 h 5 m`, `3 d 4 h`. */
export function showDuration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds) || seconds < 0) return NONE;
  if (seconds < 0.0995) return `${Math.round(seconds * 1_000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return join(Math.floor(whole / 60), 'm', whole % 60, 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return join(Math.floor(minutes / 60), 'h', minutes % 60, 'm');
  const hours = Math.round(seconds / 3_600);
  return join(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

const join = (first: number, firstUnit: string, second: number, secondUnit: string): string =>
  second === 0 ? `${first} ${firstUnit}` : `${first} ${firstUnit} ${second} ${secondUnit}`;

/** `just now`, `4 min ago`, `3 h ago`, `2 d ago`, then the date. */
export function showAgo(time: string | null, now: number): string {
  if (time === null) return NONE;
  const seconds = (now - Date.parse(time)) / 1_000;
  if (seconds < 45) return 'just now';
  if (seconds < 3_570) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 24 * 3_600) return `${Math.round(seconds / 3_600)} h ago`;
  if (seconds < 14 * 24 * 3_600) return `${Math.round(seconds / 86_400)} d ago`;
  return new Date(time).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
}

/** The whole moment, in the reader's own zone: for tooltips and tables. */
export const showMoment = (time: string | null): string =>
  time === null
    ? NONE
    : new Date(time).toLocaleString('en-GB', {
        day: 'numeric',
        month: 'short',
        year: 'numeric',
        hour: '2-digit',
        minute: '2-digit',
        second: '2-digit',
      });

/** `14:03:07` */
export const showClock = (time: string | number): string => new Date(time).toLocaleTimeString('en-GB');
