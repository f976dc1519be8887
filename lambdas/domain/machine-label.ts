/**
 * What a rented machine is called at its provider, and all that it can be recognised by: names there are not unique, tags not everywhere.
 *
 *   tp-<plane>-<run>-<attempt>-<second><chance>     tp-1f0c9a7e-01kb8q6m2jf3ztv1n8a5d4c9xe-0001-t5xq3k7f
 *      8       26    4         7       2            at most 54 of the 60 characters that every provider takes, [a-z0-9-]
 *
 * The plane's part keeps two planes in one account from ending each other's machines. Each request for a machine has a label of its own,
 * so that of two machines of one attempt it is known which one claimed it. The second is that of the request: not every provider says
 * when a machine was made.
 */
import { attemptName } from './run-folder.ts';

const LABEL = /^tp-([0-9a-f]{8})-([0-9a-z]{26})-(\d{4})-([0-9a-z]{7})([0-9a-z]{2})$/;
const RUN_PREFIX = 'run_';

export interface MachineLabel {
  readonly label: string;
  /** the attempt's name */
  readonly tag: string;
  /** milliseconds since 1970, to the second */
  readonly askedAt: number;
}

/** @param chance two characters of [0-9a-z]: two requests within a second */
export function makeLabel(planeId: string, tag: string, now: number, chance: string): string {
  const second = Math.floor(now / 1_000)
    .toString(36)
    .padStart(7, '0');
  return `${labelPrefix(planeId, tag)}${second}${chance}`;
}

/** What the labels of this plane's machines begin with; those of one attempt's, where its tag is given. */
export const labelPrefix = (planeId: string, tag?: string): string =>
  tag === undefined ? `tp-${planeId}-` : `tp-${planeId}-${tag.slice(RUN_PREFIX.length)}-`;

/** @returns null for what is no label, or another plane's: nobody of ours touches that machine */
export function readLabel(planeId: string, label: string): MachineLabel | null {
  const [, plane, run = '', attempt = '', second = ''] = LABEL.exec(label) ?? [];
  if (plane !== planeId) return null;
  return { label, tag: attemptName(`${RUN_PREFIX}${run}`, Number(attempt)), askedAt: Number.parseInt(second, 36) * 1_000 };
}
