import { expect, test } from 'vitest';
import type { Run } from '#domain/run.ts';
import { runFolderKeys } from '#domain/run-folder.ts';
import { lookSeconds, reportSeconds } from '#operations/advance/pace.ts';
import { advanceRun } from '#operations/advance-run.ts';
import type { Pace } from '#ports/settings.ts';
import { aRun, EPOCH } from '../support/builders.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

const PACE: Pace = {
  reports: [
    { untilSeconds: 120, everySeconds: 5 },
    { untilSeconds: 3_600, everySeconds: 30 },
    { untilSeconds: Number.POSITIVE_INFINITY, everySeconds: 60 },
  ],
  longestLookSeconds: 600,
};
const at = (seconds: number): string => new Date(EPOCH + seconds * 1_000).toISOString();

function anAttempt(overrides: Partial<NonNullable<Run['attempt']>> = {}): Run['attempt'] {
  return {
    number: 1,
    reservedAt: at(0),
    handle: {},
    claimId: 'c',
    resumeFrom: null,
    checkpointsSeen: 0,
    samplesSeen: 0,
    silentSince: null,
    startingSince: at(0),
    trainingSince: null,
    ending: null,
    endedAt: null,
    ...overrides,
  };
}

function portsAt(seconds: number, pace: Pace | undefined = PACE) {
  const plane = new MemoryPlane();
  plane.now = EPOCH + seconds * 1_000;
  const settings = { ...plane.ports.settings, reportSeconds: 5, ...(pace && { pace }) };
  return { ...plane.ports, settings };
}

test.each([
  [0, 5],
  [119, 5],
  [120, 30],
  [3_599, 30],
  [3_600, 60],
  [86_400, 60],
])('after %i s of training reports come every %i s', (seconds, expected) => {
  const run = aRun({ startedAt: at(0), attempt: anAttempt() });

  expect(reportSeconds(portsAt(seconds), run, false)).toBe(expected);
});

test('reports come every 5 s while somebody follows, and again when an attempt is new', () => {
  const run = aRun({ startedAt: at(0), attempt: anAttempt({ number: 2, reservedAt: at(80_000) }) });

  expect(reportSeconds(portsAt(79_000), { ...run, attempt: anAttempt() }, true)).toBe(5);
  expect(reportSeconds(portsAt(80_060), run, false)).toBe(5);
});

test.each([
  [1, 5],
  [7, 7],
  [80, 80],
  [5_000, 600],
])('%i s after its start the clock looks again after %i s', (seconds, expected) => {
  expect(lookSeconds(portsAt(seconds), aRun({ startedAt: at(0), attempt: anAttempt() }))).toBe(expected);
});

test('the clock looks soon again after a stop, and does not sleep over a silent trainer', () => {
  const run = aRun({ startedAt: at(0), attempt: anAttempt() });

  expect(lookSeconds(portsAt(5_003), { ...run, stopRequestedAt: at(5_000) })).toBe(5);
  expect(lookSeconds(portsAt(5_000), { ...run, attempt: anAttempt({ silentSince: at(4_990) }) })).toBe(60);
});

test('a day is at most 151 looks of the clock', () => {
  const run = aRun({ startedAt: at(0), attempt: anAttempt() });
  let looks = 0;

  for (let seconds = 0; seconds < 86_400; looks++) seconds += lookSeconds(portsAt(seconds), run);

  expect(looks).toBeLessThanOrEqual(151);
});

test('on one machine both are always the same', () => {
  const run = aRun({ startedAt: at(0), attempt: anAttempt() });
  const ports = portsAt(50_000);
  const flat = { ...ports, settings: { ...new MemoryPlane().ports.settings, reportSeconds: 1 } };

  expect([reportSeconds(flat, run, false), lookSeconds(flat, run)]).toEqual([1, 1]);
});

test('a live run is told to report at another pace when its time has come, when somebody follows, and not again', async () => {
  const plane = new MemoryPlane();
  Object.assign(plane.ports.settings, { reportSeconds: 5, pace: PACE });
  const runId = await plane.create();
  await plane.settle(runId);
  const trainer = plane.trainer(runId);
  await trainer.claim();
  const key = `runs/${runId}/framework=hf/${runFolderKeys.control(runId, 1)}`;
  const { controlVersion } = await plane.run(runId);
  const paces: number[] = [];
  const lookAfter = async (seconds: number): Promise<void> => {
    plane.now += seconds * 1_000;
    await trainer.report('training', { controlVersion });
    await advanceRun(plane.ports, runId);
    paces.push(JSON.parse(plane.artifacts.files.get(key) ?? '{}').reportSeconds);
  };

  await lookAfter(1);
  await lookAfter(130);
  const listener = plane.bell.listen();
  await lookAfter(10);
  listener.close();
  await lookAfter(10);
  const written = plane.artifacts.files.get(key);
  plane.artifacts.put = async (written) => expect(written).not.toBe(key);
  await lookAfter(10);

  expect(paces).toEqual([5, 30, 5, 30, 30]);
  expect(plane.artifacts.files.get(key)).toBe(written);
});

test('a report that was just taken up counts as heard, however long ago the clock looked last', async () => {
  const plane = new MemoryPlane();
  plane.compute.heartbeat = 'reports';
  Object.assign(plane.ports.settings, { reportSeconds: 5, pace: PACE });
  const runId = await plane.create();
  await plane.settle(runId);
  const trainer = plane.trainer(runId);
  await trainer.claim();
  await trainer.report('training');
  await advanceRun(plane.ports, runId);

  plane.now += 600_000;
  await trainer.report('training');
  await advanceRun(plane.ports, runId);

  expect(await plane.eventTypes(runId)).not.toContain('warning-raised');
});
