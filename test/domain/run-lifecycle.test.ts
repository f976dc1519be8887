import { expect, test } from 'vitest';
import { DomainError } from '#domain/errors.ts';
import { isFinal, nextState, RUN_STATE_EVENTS, RUN_STATES, type RunState } from '#domain/run-lifecycle.ts';

/** The whole table, written a second time by hand: rows are states, columns events. `-` is refused, `.` is absorbed. */
const TABLE = `
              submitted launched     started  paused   interrupted finished  broke    stopRequested stoppedBeforeLaunch stopped
created       queued    -            -        -        -           -         failed   -             stopped             -
queued        -         initializing -        -        -           -         failed   stopping      stopped             -
initializing  -         -            running  paused   queued      completed failed   stopping      -                   -
running       -         -            -        paused   queued      completed failed   stopping      -                   -
paused        -         paused       running  paused   paused      completed failed   stopping      -                   -
stopping      -         -            stopping stopping stopping    stopping  stopping -             -                   stopped
completed     .         .            .        .        .           .         .        .             .                   .
failed        .         .            .        .        .           .         .        .             .                   .
stopped       .         .            .        .        .           .         .        .             .                   .
`;

const [header = [], ...rows] = TABLE.trim()
  .split('\n')
  .map((line) => line.trim().split(/\s+/));
const cells = rows.flatMap(([state, ...expected]) => expected.map((outcome, column) => ({ state, event: header[column], outcome })));

test('the table by hand names every state and every event', () => {
  expect(header).toEqual([...RUN_STATE_EVENTS]);
  expect(rows.map(([state]) => state)).toEqual([...RUN_STATES]);
});

test.each(cells)('a $state run that takes $event: $outcome', ({ state, event, outcome }) => {
  const from = RUN_STATES.find((candidate) => candidate === state) as RunState;
  const given = RUN_STATE_EVENTS.find((candidate) => candidate === event);
  if (given === undefined) throw new Error(`no event ${event}`);

  const take = () => nextState(from, given);

  if (outcome === '-') expect(take).toThrow(DomainError);
  else expect(take()).toBe(outcome === '.' ? null : outcome);
});

test('a refused move is named in the words of the table', () => {
  expect(() => nextState('created', 'paused')).toThrow("a created run cannot take 'paused'");
});

test('completed, failed and stopped are final, and nothing else', () => {
  expect(RUN_STATES.filter(isFinal)).toEqual(['completed', 'failed', 'stopped']);
});
