/** What a command does when the network or the plane fails: nothing twice, nothing half, and a sentence that says what is the matter. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FAILURE_ANSWER } from '../../cli/answers.ts';
import { type CallOptions, callCommand, type Ran, readAnswer, until } from '../support/command-line.ts';
import { FaultyNetwork, type Passed } from '../support/faulty-network.ts';
import { freePort } from '../support/free-port.ts';
import { ScriptedPlane } from '../support/scripted-plane.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

let plane: ScriptedPlane;
let network: FaultyNetwork;
let folder: { path: string; remove: () => Promise<void> };

const call = (words: readonly string[], options: CallOptions = {}): Promise<Ran> =>
  callCommand(words, { workingFolder: folder.path, ...options, variables: { TUNEPLANE_URL: network.url, ...options.variables } });
const RUN = ['--base', 'tiny-llama', '--data', './rows.jsonl', '--max-steps', '2'];
/** True for the first `count` requests that meet the condition. */
const first = (count: number, isMeant: (passed: Passed) => boolean): ((passed: Passed) => boolean) => {
  let left = count;
  return (passed) => isMeant(passed) && left-- > 0;
};
const isStart = ({ method, url }: Passed): boolean => method === 'POST' && url === '/api/sft/train';

beforeAll(async () => {
  plane = await ScriptedPlane.start({ stepSeconds: 0.01 });
});
afterAll(() => plane.close());
beforeEach(async () => {
  folder = await makeTemporaryFolder();
  network = await FaultyNetwork.before(plane.url);
});
afterEach(async () => {
  await network.close();
  await folder.remove();
});

describe('calls that fail on the way', () => {
  test('a start whose answer is lost twice makes one run: the same key goes with each try', async () => {
    const before = Object((await plane.request('GET', '/runs')).body).total;
    const isLost = first(2, isStart);
    network.decide = (passed) => ({ kind: isLost(passed) ? 'lose-answer' : 'none' });

    const { code, errors } = await call(['train', ...RUN, '-d']);

    const starts = network.passed.filter(isStart);
    expect(code).toBe(0);
    expect(starts).toHaveLength(3);
    expect(new Set(starts.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    expect(Object((await plane.request('GET', '/runs')).body).total).toBe(before + 1);
    expect(errors).toMatch(/waiting for it.*the plane answers again/s);
  });

  test('Ctrl-C while a start has no answer says that nobody here knows, and how to find out', async () => {
    const interrupt = new AbortController();
    network.decide = (passed) => {
      if (isStart(passed)) interrupt.abort();
      return { kind: isStart(passed) ? 'lose-answer' : 'none' };
    };

    const ran = await call(['train', ...RUN], { interrupted: interrupt.signal });

    expect(ran).toMatchObject({
      code: 130,
      output: '',
      errors: expect.stringContaining('"tuneplane ls -n 1" says whether it was accepted'),
    });
  });

  test('Ctrl-C while a start is under way waits for its answer, and then says which run it leaves', async () => {
    const interrupt = new AbortController();
    network.decide = (passed) => {
      if (isStart(passed)) interrupt.abort();
      return { kind: 'none' };
    };

    const ran = await call(['train', ...RUN], { interrupted: interrupt.signal });

    expect(ran).toMatchObject({ code: 130, errors: expect.stringMatching(/left run_\w{26}, which goes on/) });
  });

  test('a gateway that answers for a plane that is being deployed is waited for', async () => {
    const isDown = first(2, isStart);
    network.decide = (passed) => (isDown(passed) ? { kind: 'answer', status: 502, body: '<html>' } : { kind: 'none' });

    expect(await call(['train', ...RUN, '-d'])).toMatchObject({ code: 0, errors: expect.stringContaining('a gateway answered 502') });
  });

  test('a busy plane is asked again when it says so', async () => {
    const isBusy = first(1, () => true);
    const body = JSON.stringify({ error: 'Busy', detail: 'someone else changed the same thing', code: 'plane_busy' });
    network.decide = (passed) =>
      isBusy(passed) ? { kind: 'answer', status: 503, body, headers: { 'retry-after': '0' } } : { kind: 'none' };

    expect(await call(['ls'])).toMatchObject({ code: 0 });
    expect(network.passed).toHaveLength(2);
  });

  test('an answer that breaks off is no answer: it is asked for again', async () => {
    await plane.jobWhenDone(await plane.startJob({ max_steps: 1 }));
    const isCut = first(1, ({ url }) => /^\/runs\/run_/.test(url));
    network.decide = (passed) => (isCut(passed) ? { kind: 'cut', bytes: 20 } : { kind: 'none' });

    const { code, output } = await call(['show', 'last', '--json']);

    expect(code).toBe(0);
    readAnswer('show', output);
    expect(network.passed.filter(({ url }) => /^\/runs\/run_/.test(url))).toHaveLength(2);
  });
});

describe('a plane that is not there', () => {
  test('is told at once, with its address, why, and what to do', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;

    const ran = await callCommand(['ls'], { variables: { TUNEPLANE_URL: url } });

    expect(ran).toEqual({
      code: 1,
      output: '',
      errors: `error: no plane answers at ${url} (connection refused)\n  start one with "tuneplane start", or name another with --url, TUNEPLANE_URL or a profile\n`,
    });
  });

  test('with --json the error is one object on standard error', async () => {
    const { output, errors } = await callCommand(['ls', '--json', '--url', `http://127.0.0.1:${await freePort()}`]);

    expect(output).toBe('');
    expect(FAILURE_ANSWER.parse(JSON.parse(errors))).toMatchObject({ error: { code: 'plane_away', exit_code: 1 } });
  });

  test('of a newer version may use words that are not known here, and nothing else', async () => {
    const id = await plane.startJob({ max_steps: 1 });
    await plane.jobWhenDone(id);
    const run = Object((await plane.request('GET', `/runs/${id}`)).body);
    const withRun = (fields: object) => ({ kind: 'answer', status: 200, body: JSON.stringify({ ...run, ...fields }) }) as const;

    network.decide = () => withRun({ api: 'an-api-of-2028' });
    const newer = await call(['show', id]);
    network.decide = () => withRun({ created_at: 7 });
    const other = await call(['show', id]);

    expect(newer).toMatchObject({ code: 0, output: expect.stringContaining('the an-api-of-2028 API') });
    expect(other).toMatchObject({ code: 1, errors: expect.stringContaining('created_at') });
  });

  test('something else that answers there is told from a plane', async () => {
    network.decide = () => ({ kind: 'answer', status: 200, body: '{"hello": "world"}' });

    expect(await call(['ls'])).toMatchObject({
      code: 1,
      errors: expect.stringMatching(/GET \/runs at http.* does not understand .*is it a Tuneplane plane/s),
    });
  });
});

describe('tokens', () => {
  const TOKEN = 'canary-token-7f3a';
  let guarded: ScriptedPlane;
  beforeAll(async () => {
    guarded = await ScriptedPlane.start({}, { TRAINER_API_TOKEN: TOKEN });
  });
  afterAll(() => guarded.close());

  test('none, a wrong one and the right one', async () => {
    const ask = (variables: Readonly<Record<string, string>>) =>
      callCommand(['ls'], { variables: { TUNEPLANE_URL: guarded.url, ...variables } });

    expect(await ask({})).toMatchObject({ code: 1, errors: expect.stringMatching(/wants a token\n.*TUNEPLANE_TOKEN/) });
    expect(await ask({ TUNEPLANE_TOKEN: 'wrong' })).toMatchObject({
      code: 1,
      errors: expect.stringContaining('does not take the token from TUNEPLANE_TOKEN'),
    });
    expect(await ask({ TUNEPLANE_TOKEN: TOKEN })).toMatchObject({ code: 0 });
    expect(await ask({ TRAINER_API_TOKEN: TOKEN })).toMatchObject({ code: 0 });
  });

  test('--debug shows every request, and neither token nor signature', async () => {
    const variables = { TUNEPLANE_URL: guarded.url, TUNEPLANE_TOKEN: TOKEN };
    const started = await callCommand(['train', ...RUN, '--env', `SECRET=${TOKEN}-value`, '--debug'], {
      variables,
      workingFolder: folder.path,
    });
    const fetched = await callCommand(['artifacts', 'download', 'last', '--debug'], { variables, workingFolder: folder.path });

    expect(started.errors).toMatch(/> POST \/api\/sft\/train {2}\d+ bytes\n< 200 {2}\d+ ms/);
    expect(fetched.code).toBe(0);
    for (const { errors, output } of [started, fetched]) {
      expect(errors + output).not.toContain(TOKEN);
      expect(errors + output).not.toMatch(/signature=(?!\.\.\.)/);
    }
  });

  test('a link to a file carries a right of its own: the token is not sent along', async () => {
    const through = await FaultyNetwork.before(guarded.url);
    const variables = { TUNEPLANE_URL: through.url, TUNEPLANE_TOKEN: TOKEN };
    await callCommand(['train', ...RUN], { variables, workingFolder: folder.path });

    await callCommand(['artifacts', 'download', 'last', 'adapter'], { variables, workingFolder: folder.path });
    await through.close();

    const links = through.passed.filter(({ url }) => url.startsWith('/files/'));
    expect(links.length).toBeGreaterThan(0);
    for (const { headers } of links) expect(headers.authorization).toBeUndefined();
  });
});

describe('downloads', () => {
  let runId: string;
  beforeAll(async () => {
    runId = await plane.startJob({ max_steps: 2 });
    await plane.jobWhenDone(runId);
  });
  const isWeights = ({ url }: Passed): boolean => url.startsWith('/files/') && url.includes('adapter_model.safetensors');
  const stored = (): Buffer =>
    readFileSync(
      join(plane.environment.home, 'artifacts', 'runs', runId, 'framework=hf', 'artifacts', runId, 'adapter', 'adapter_model.safetensors'),
    );
  const download = async (...words: string[]) =>
    readAnswer('artifacts download', (await call(['artifacts', 'download', runId, ...words, '--json'])).output);

  test('every result, into a folder called as the run; a second time nothing is fetched', async () => {
    const fetched = await download();
    const again = await download();

    expect(fetched.folder).toBe(join(folder.path, runId));
    expect(fetched.files.map(({ path }) => path)).toEqual(expect.arrayContaining(['adapter/adapter_model.safetensors', 'samples.jsonl']));
    expect(fetched.files.every((file) => file.fetched)).toBe(true);
    expect(readFileSync(join(fetched.folder, 'adapter/adapter_model.safetensors'))).toEqual(stored());
    expect(again.files.some((file) => file.fetched)).toBe(false);
  });

  test('one kind, or one file, into a folder of its own', async () => {
    const adapter = await download('adapter', '-o', 'out');
    await download('samples.jsonl', '-o', 'one');
    const unknown = await call(['artifacts', 'download', runId, 'modle']);

    expect(adapter.files.map(({ path }) => path)).toEqual(['adapter/adapter_config.json', 'adapter/adapter_model.safetensors']);
    expect(readdirSync(join(folder.path, 'one'))).toEqual(['samples.jsonl']);
    expect(unknown).toMatchObject({ code: 2, errors: expect.stringMatching(/no 'modle' to fetch; it has .*adapter/) });
  });

  test('a checkpoint, by its name or as the latest, and a file of one', async () => {
    const latest = await download('latest', '-o', 'latest');
    const named = await download('step-000002', '-o', 'named');
    const one = await download('checkpoints/step-000002/weights.bin', '-o', 'one');
    const missing = await call(['artifacts', 'download', runId, 'step-000001']);

    expect(latest.files.map(({ path }) => path)).toEqual([
      'checkpoints/step-000002/trainer_state.json',
      'checkpoints/step-000002/weights.bin',
    ]);
    expect(named.files).toEqual(latest.files);
    expect(one.files.map(({ path }) => path)).toEqual(['checkpoints/step-000002/weights.bin']);
    expect(missing).toMatchObject({ code: 2, errors: expect.stringContaining("no checkpoint 'step-000001'; it has step-000002") });
  });

  test('what breaks off goes on where it was, by a range', async () => {
    const isCut = first(1, isWeights);
    const part = join(folder.path, runId, 'adapter/adapter_model.safetensors.part');
    const arrived = () => until(() => existsSync(part) && statSync(part).size === 50, 'the bytes are on the disk');
    network.decide = (passed) => (isCut(passed) ? { kind: 'cut', bytes: 50, arrived } : { kind: 'none' });

    await download('adapter');

    expect(network.passed.filter(isWeights).map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=50-']);
    expect(readFileSync(join(folder.path, runId, 'adapter/adapter_model.safetensors'))).toEqual(stored());
  });

  test('what an earlier command left half goes on, too', async () => {
    mkdirSync(join(folder.path, runId, 'adapter'), { recursive: true });
    writeFileSync(join(folder.path, runId, 'adapter/adapter_model.safetensors.part'), stored().subarray(0, 30));

    await download('adapter');

    expect(network.passed.filter(isWeights).map(({ headers }) => headers.range)).toEqual(['bytes=30-']);
    expect(readFileSync(join(folder.path, runId, 'adapter/adapter_model.safetensors'))).toEqual(stored());
    expect(readdirSync(join(folder.path, runId, 'adapter'))).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
  });

  test('half of something else is thrown away, and the file fetched whole', async () => {
    mkdirSync(join(folder.path, runId, 'adapter'), { recursive: true });
    writeFileSync(join(folder.path, runId, 'adapter/adapter_model.safetensors.part'), 'something else');

    await download('adapter');

    expect(readFileSync(join(folder.path, runId, 'adapter/adapter_model.safetensors'))).toEqual(stored());
  });

  test('bytes that are not those that the plane names never get the name', async () => {
    network.decide = (passed) => ({ kind: isWeights(passed) ? 'corrupt' : 'none' });

    const ran = await call(['artifacts', 'download', runId, 'adapter']);

    expect(ran).toMatchObject({
      code: 1,
      output: '',
      errors: expect.stringMatching(/adapter_model\.safetensors have SHA-256 [0-9a-f]{64}, and the plane says [0-9a-f]{64}/),
    });
    expect(readdirSync(join(folder.path, runId, 'adapter'))).toEqual(['adapter_config.json']);
  });

  test('Ctrl-C in the middle leaves the half, and says that it goes on', async () => {
    const interrupt = new AbortController();
    network.decide = (passed) => {
      if (isWeights(passed)) setImmediate(() => interrupt.abort());
      return isWeights(passed) ? { kind: 'cut', bytes: 60 } : { kind: 'none' };
    };

    const ran = await call(['artifacts', 'download', runId, 'adapter'], { interrupted: interrupt.signal });

    expect(ran).toMatchObject({ code: 130 });
    network.decide = () => ({ kind: 'none' });
    await download('adapter');
    expect(readFileSync(join(folder.path, runId, 'adapter/adapter_model.safetensors'))).toEqual(stored());
  });
});

describe('uploads', () => {
  const isUpload = ({ method, url }: Passed): boolean => method === 'PUT' && url.startsWith('/uploads/');
  const makeLarge = (): void =>
    writeFileSync(join(folder.path, 'large.jsonl'), `${JSON.stringify({ text: Math.random().toString(36).repeat(80) })}\n`.repeat(5_000));

  test('one that breaks off is sent again, by a new link', async () => {
    makeLarge();
    const isRefused = first(1, isUpload);
    network.decide = (passed) => ({ kind: isRefused(passed) ? 'refuse' : 'none' });

    const dataset = readAnswer('datasets put', (await call(['datasets', 'put', 'large.jsonl', 'large', '--json'])).output);

    expect(dataset.size_bytes).toBeGreaterThan(4 * 1_048_576);
    expect(network.passed.filter(isUpload)).toHaveLength(2);
    expect(network.passed.filter(isUpload).every(({ headers }) => headers['content-length'] === String(dataset.size_bytes))).toBe(true);
  });

  test('one whose answer was lost lies there already, and is not sent again', async () => {
    makeLarge();
    const isLost = first(1, isUpload);
    network.decide = (passed) => ({ kind: isLost(passed) ? 'lose-answer' : 'none' });

    const { code } = await call(['datasets', 'put', 'large.jsonl', 'large-2']);

    expect(code).toBe(0);
    expect(network.passed.filter(isUpload)).toHaveLength(1);
  });

  test('the same file again is not sent at all', async () => {
    makeLarge();
    await call(['datasets', 'put', 'large.jsonl', 'same']);
    network.passed.length = 0;

    const { code } = await call(['datasets', 'put', 'large.jsonl', 'same']);

    expect(code).toBe(0);
    expect(network.passed.map(({ method }) => method)).toEqual(['GET']);
  });
});
