/** Document 3's WebSocket, by a real client on a real plane. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { type JobMessage, jobMessage } from '#surfaces/orchestrator/messages.ts';
import { jobResponse, ticketResponse } from '#surfaces/orchestrator/schemas.ts';
import { ScriptedPlane } from '../../support/scripted-plane.ts';

const TOKEN = 'a token of this test';
let plane: ScriptedPlane;
beforeAll(async () => {
  plane = await ScriptedPlane.start({ stepSeconds: 0.02 }, { TUNEPLANE_MAX_RUNS: '8', TRAINER_API_TOKEN: TOKEN });
});
afterAll(() => plane.close());

const request = (method: string, path: string, body?: unknown) => plane.request(method, path, body, { 'x-trainer-token': TOKEN });

async function aJob(steps = 30): Promise<string> {
  const { body } = await request('POST', '/api/training/jobs', {
    base_model: 'tiny-llama',
    dataset: './rows.jsonl',
    hyperparameters: { max_steps: steps, save_steps: 10 },
  });
  return jobResponse.parse(body).job_id;
}

const submit = (id: string) => request('POST', `/api/training/jobs/${id}/submit`, { provider: 'local' });

/** A client that keeps all it hears. */
class Listener {
  readonly messages: JobMessage[] = [];
  readonly socket: WebSocket;
  #look: () => void = () => {};

  constructor(path: string, headers: Readonly<Record<string, string>> = { 'x-trainer-token': TOKEN }) {
    this.socket = new WebSocket(plane.url.replace('http', 'ws') + path, { headers });
    this.socket.on('message', (data: Buffer) => {
      this.messages.push(jobMessage.parse(JSON.parse(data.toString())));
      this.#look();
    });
    onTestFinished(() => this.socket.close());
  }

  /** Resolves when what was heard so far is enough; the test's own limit ends a wait for what never comes. */
  hears(isEnough: (messages: readonly JobMessage[]) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.on('error', reject);
      this.#look = () => {
        if (isEnough(this.messages)) resolve();
      };
      this.#look();
    });
  }

  of<Type extends JobMessage['type']>(type: Type): Extract<JobMessage, { type: Type }>[] {
    return this.messages.filter((message): message is Extract<JobMessage, { type: Type }> => message.type === type);
  }
}

/** What a handshake that is refused answers. */
function refusal(path: string, headers: Readonly<Record<string, string>> = {}): Promise<{ status: number; body: unknown }> {
  const socket = new WebSocket(plane.url.replace('http', 'ws') + path, { headers });
  return new Promise((resolve, reject) => {
    socket.on('open', () => reject(new Error('it was let in')));
    socket.on('error', () => {}); // comes with every refusal, and says less than the answer
    socket.on('unexpected-response', (_, response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
    });
  });
}

const isOver = (messages: readonly JobMessage[]): boolean =>
  messages.some(({ type, data }) => type === 'notification' && data.title === 'Training Complete!');

test('says what the job is, then every change of state, metrics on the way, and that it is done, in the words of the document', async () => {
  const id = await aJob();
  const listener = new Listener(`/ws/training/jobs/${id}`);
  await listener.hears(({ length }) => length > 0);
  await submit(id);

  await listener.hears(isOver);

  expect(listener.messages[0]).toMatchObject({ type: 'status', data: { state: 'created', completed_at: null } });
  const states = listener.of('status').map(({ data }) => data.state);
  expect(states.filter((state, index) => state !== states[index - 1])).toEqual(['created', 'initializing', 'running', 'completed']);
  expect(listener.of('status').at(-1)?.data.completed_at).toMatch(/Z$/);
  expect(listener.of('metrics').at(-1)?.data).toMatchObject({
    step: expect.any(Number),
    loss: expect.any(Number),
    learning_rate: expect.any(Number),
  });
  expect(listener.messages.at(-1)).toMatchObject({
    type: 'notification',
    data: { title: 'Training Complete!', message: 'Your model training has finished successfully.' },
  });
  expect(listener.of('notification').map(({ data }) => data.title)).toContain('Checkpoint saved');
  const steps = listener.of('metrics').map(({ data }) => data.step);
  expect(steps).toEqual(steps.toSorted((a, b) => a - b));
});

test('with ?after= every event that was missed comes once and in order, and a second listener hears the same', async () => {
  const id = await aJob();
  const first = new Listener(`/ws/training/jobs/${id}`);
  await first.hears(({ length }) => length > 0);
  const after = first.messages[0]?.seq ?? 0;
  first.socket.close();
  await submit(id);
  await plane.jobWhenDone(id, { 'x-trainer-token': TOKEN });

  const late = new Listener(`/ws/training/jobs/${id}?after=${after}`);
  await late.hears(isOver);
  const fromTheStart = new Listener(`/ws/training/jobs/${id}?after=0`);
  await fromTheStart.hears(isOver);

  const sequences = (listener: Listener): number[] => [
    ...new Set(listener.messages.filter(({ type }) => type !== 'metrics').map(({ seq }) => seq)),
  ];
  const newest = late.messages.at(-1)?.seq ?? 0;
  expect(sequences(late)).toEqual(Array.from({ length: newest - after }, (_, index) => after + 1 + index));
  expect(sequences(fromTheStart)).toEqual(Array.from({ length: newest }, (_, index) => index + 1));
  const texts = late.messages.map((message) => JSON.stringify(message));
  expect(new Set(texts).size).toBe(texts.length);
});

test('a plane that closes says so', async () => {
  const other = await ScriptedPlane.start({ stepSeconds: 0.02 });
  const id = await other.startJob({ max_steps: 10 });
  const socket = new WebSocket(`${other.url.replace('http', 'ws')}/ws/training/jobs/${id}`);
  await new Promise((resolve) => socket.once('message', resolve));
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));

  await other.close();

  expect(await closed).toBe(1_001);
});

test('a ticket opens one job once, without a token', async () => {
  const id = await aJob();
  const other = await aJob();
  const issued = await request('POST', '/ws/tickets', { job_id: id });
  const { ticket, url } = ticketResponse.parse(issued.body);

  const listener = new Listener(url, {});
  await listener.hears(({ length }) => length > 0);

  expect(issued).toMatchObject({ status: 201, body: { job_id: id, expires_at: expect.any(String) } });
  expect(issued.headers.get('location')).toBe(url);
  expect(await refusal(url)).toMatchObject({ status: 401, body: { code: 'unauthorized', job_id: id } });
  const second = ticketResponse.parse((await request('POST', '/ws/tickets', { job_id: id })).body);
  expect(await refusal(`/ws/training/jobs/${other}?ticket=${second.ticket}`)).toMatchObject({ status: 401 });
  expect(ticket).not.toBe(second.ticket);
  expect(await request('POST', '/ws/tickets', { job_id: 'nobody' })).toMatchObject({ status: 404, body: { error: 'Job not found' } });
});

test.each([
  ['without a token', () => `/ws/training/jobs/run_x`, {}, 401, 'unauthorized'],
  ['with a wrong one', () => `/ws/training/jobs/run_x`, { authorization: 'Bearer no' }, 401, 'unauthorized'],
  ['for an unknown job', () => '/ws/training/jobs/job_123', { authorization: `Bearer ${TOKEN}` }, 404, 'run_not_found'],
  ['for a hostile id', () => '/ws/training/jobs/..%2e%00', { authorization: `Bearer ${TOKEN}` }, 404, 'run_not_found'],
  ['for another path', () => '/ws/nothing', { authorization: `Bearer ${TOKEN}` }, 404, 'route_not_found'],
])('a handshake %s is refused before it is answered', async (_, path, headers, status, code) => {
  expect(await refusal(path(), headers as Record<string, string>)).toMatchObject({ status, body: { code } });
});

test('an `after` that is no number is told so', async () => {
  const id = await aJob();

  expect(await refusal(`/ws/training/jobs/${id}?after=yesterday`, { 'x-trainer-token': TOKEN })).toMatchObject({
    status: 400,
    body: { code: 'invalid_request', detail: "after: must be the seq of a message, got 'yesterday'", job_id: id },
  });
});

test('a client that talks is not listened to, and one that talks too much is cut off', async () => {
  const id = await aJob();
  const polite = new Listener(`/ws/training/jobs/${id}`);
  await polite.hears(({ length }) => length > 0);
  polite.socket.send('hello');
  const rude = new Listener(`/ws/training/jobs/${id}`);
  await rude.hears(({ length }) => length > 0);
  const closed = new Promise<number>((resolve) => rude.socket.on('close', resolve));

  rude.socket.send('x'.repeat(10_000));

  expect(await closed).toBe(1_009);
  expect(polite.socket.readyState).toBe(WebSocket.OPEN);
});
