/** Whatever a trainer does wrong, its run ends in `failed` with a code, a sentence, a remedy and the last log lines; never in silence. */
import { expect, test } from 'vitest';
import { type Script, ScriptedPlane } from '../support/scripted-plane.ts';

const FAULTS: { name: string; script: Script; code: string; message: RegExp; attempts: number; evidence?: RegExp }[] = [
  {
    name: 'a crash',
    script: { faults: [{ kind: 'crash', step: 3 }] },
    code: 'engine_crashed',
    message: /Error/,
    attempts: 1,
    evidence: /Traceback/,
  },
  {
    name: 'a death by signal, twice',
    script: { faults: [{ kind: 'kill', step: 3 }] },
    code: 'engine_killed',
    message: /SIGKILL|signal 9/,
    attempts: 2,
  },
  {
    name: 'a hang, twice',
    script: { faults: [{ kind: 'hang', step: 3 }] },
    code: 'stalled',
    message: /1/,
    attempts: 2,
    evidence: /File ".*engine\.py"/,
  },
  {
    name: 'a loss that is no number',
    script: { steps: 40, faults: [{ kind: 'nan', step: 3 }] },
    code: 'diverged',
    message: /loss/,
    attempts: 1,
  },
  { name: 'a full disk', script: { faults: [{ kind: 'diskFull', step: 3 }] }, code: 'disk_full', message: /./, attempts: 1 },
  {
    name: 'an end without an outcome',
    script: { faults: [{ kind: 'dieSilently', step: 3 }] },
    code: 'engine_crashed',
    message: /without saying how/,
    attempts: 1,
  },
  {
    name: 'a bad row',
    script: { faults: [{ kind: 'fail', step: 1, code: 'data_row_invalid', message: 'rows.jsonl line 17: output is missing' }] },
    code: 'data_row_invalid',
    message: /^rows\.jsonl line 17: output is missing$/,
    attempts: 1,
  },
];

test.concurrent.each(FAULTS)('$name: $code after $attempts attempt(s)', async ({ script, code, message, attempts, evidence }) => {
  await using plane = await ScriptedPlane.start(
    { stepSeconds: 0.01, ...script },
    code === 'stalled' ? { TUNEPLANE_STALL_SECONDS: '1' } : {},
  );
  const id = await plane.startJob({ max_steps: 40 });

  const job = await plane.jobWhenDone(id);

  expect(job).toMatchObject({
    status: 'failed',
    failure: { code, message: expect.stringMatching(message), remedy: expect.stringMatching(/.{20}/) },
  });
  expect(job.error).toBe(job.failure?.message);
  expect(job.failure?.evidence.length).toBeGreaterThan(0);
  if (evidence) expect(job.failure?.evidence.join('\n')).toMatch(evidence);
  expect(plane.countAttempts(id)).toBe(attempts);
});

test('a death by signal once is chance: the next attempt completes', async () => {
  await using plane = await ScriptedPlane.start({ saveSteps: 2, faults: [{ kind: 'kill', step: 5, attempts: [1] }] });
  const id = await plane.startJob({ max_steps: 10 });

  expect(await plane.jobWhenDone(id)).toMatchObject({ status: 'completed' });
  expect(plane.countAttempts(id)).toBe(2);
});

test('a trainer that is not installed fails the run, saying what to do', async () => {
  await using plane = await ScriptedPlane.start({}, { TUNEPLANE_TRAINER_PYTHON: '/nowhere/python' });
  const id = await plane.startJob();

  expect(await plane.jobWhenDone(id)).toMatchObject({
    status: 'failed',
    failure: { code: 'trainer_missing', remedy: expect.stringContaining('npm run setup') },
  });
});

test('an output folder that cannot be written leaves the result where it is stored, and the run completed', async () => {
  await using plane = await ScriptedPlane.start();
  const id = await plane.startJob({ max_steps: 1, output_dir: './rows.jsonl/below-a-file' });

  const job = await plane.jobWhenDone(id);

  expect(job).toMatchObject({
    status: 'completed',
    result: { adapter_path: expect.stringContaining(`${id}/framework=hf/artifacts/${id}/adapter`) },
  });
});
