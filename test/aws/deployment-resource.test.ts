import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createHandler } from '#aws/deployment-resource.ts';

let server: Server;
let url: string;
let answers: { method: string | undefined; body: unknown }[];
let status: number;

beforeEach(async () => {
  answers = [];
  status = 200;
  server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    answers.push({ method: request.method, body: JSON.parse(text) });
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/answer`;
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

const event = (RequestType: string, more: Readonly<Record<string, unknown>> = {}) => ({
  RequestType,
  ResponseURL: url,
  StackId: 'stack',
  RequestId: 'request',
  LogicalResourceId: 'StartBuild',
  ResourceProperties: { tag: 'cafe' },
  ...more,
});
const WHICH = { StackId: 'stack', RequestId: 'request', LogicalResourceId: 'StartBuild', PhysicalResourceId: 'StartBuild' };

test('acts when the resource is made and when it changes, and answers each time under the same id', async () => {
  const acted: unknown[] = [];
  const handler = createHandler(async (properties) => void acted.push(properties));

  await handler(event('Create'));
  await handler(event('Update', { PhysicalResourceId: 'StartBuild' }));

  expect(acted).toEqual([{ tag: 'cafe' }, { tag: 'cafe' }]);
  expect(answers).toEqual(Array.from({ length: 2 }, () => ({ method: 'PUT', body: { ...WHICH, Status: 'SUCCESS' } })));
});

test('does nothing when the resource goes, and says that it is done', async () => {
  const handler = createHandler(async () => {
    throw new Error('must not be called');
  });

  await handler(event('Delete', { PhysicalResourceId: 'StartBuild' }));

  expect(answers).toEqual([{ method: 'PUT', body: { ...WHICH, Status: 'SUCCESS' } }]);
});

test('what fails, fails the deployment at once, with its reason', async () => {
  const handler = createHandler(async () => {
    throw new Error('the project is not there');
  });

  await handler(event('Create'));

  expect(answers).toEqual([{ method: 'PUT', body: { ...WHICH, Status: 'FAILED', Reason: 'the project is not there' } }]);
});

test('an answer that is not taken is an error, so that Lambda calls again', async () => {
  status = 500;

  await expect(createHandler(async () => {})(event('Create'))).rejects.toThrow(/did not take the answer: 500/);
});

test('undoes what it did when the resource is taken away', async () => {
  const undone: unknown[] = [];
  const handler = createHandler(
    async () => {},
    async (properties) => void undone.push(properties),
  );

  await handler(event('Create'));
  await handler(event('Delete', { PhysicalResourceId: 'StartBuild' }));

  expect(undone).toEqual([{ tag: 'cafe' }]);
  expect(answers.at(-1)?.body).toEqual({ ...WHICH, Status: 'SUCCESS' });
});
