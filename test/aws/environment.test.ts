import { expect, test } from 'vitest';
import { allowedImages, ENVIRONMENTS, type EnvironmentKind, type EnvironmentOf, readEnvironment } from '#aws/environment.ts';
import { awsEnvironment } from '../support/aws-environment.ts';

/** docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MOST_BYTES = 4_096;

test('reads what the infrastructure sets', () => {
  const read = readEnvironment(
    'api',
    awsEnvironment({ TUNEPLANE_STORAGE_DATA: 's3://data/, s3://team/sets/', TUNEPLANE_SECRETS: 'hf=arn:a, wb=arn:b=c' }),
  );

  expect(read).toMatchObject({
    TUNEPLANE_STORAGE_DATA: ['s3://data/', 's3://team/sets/'],
    TUNEPLANE_STORAGE_BASES: [],
    TUNEPLANE_SECRETS: { hf: 'arn:a', wb: 'arn:b=c' },
    TUNEPLANE_STALL_SECONDS: 900,
    TUNEPLANE_COMPUTE_CLASSES: [{ name: 'a10g', gpus: 1 }],
  });
  expect(allowedImages(read)).toEqual(['registry/team@sha256:1']);
});

test('names every fault at once, and no value', () => {
  const variables: Record<string, string | undefined> = {
    ...awsEnvironment({
      TUNEPLANE_STALL_SECONDS: 'soon',
      TUNEPLANE_URL: 'https://plane.example.com/',
      TUNEPLANE_SECRETS: 'top-secret-name',
    }),
  };
  delete variables['TUNEPLANE_TABLE'];

  expect(() => readEnvironment('work', variables)).toThrow(
    /work function.*TUNEPLANE_TABLE: must be set.*TUNEPLANE_URL.*TUNEPLANE_SECRETS.*TUNEPLANE_STALL_SECONDS/,
  );
  expect(() => readEnvironment('work', variables)).not.toThrow(/top-secret-name/);
});

test.each([
  'not json',
  '{}',
  '[{"name":"A"}]',
  '[{"name":"a","queue":"q","jobDefinitions":{},"gpuType":null,"gpus":0,"vcpus":1,"nodes":1,"atOnce":1,"quotaCode":null}]',
])('compute classes that are none are refused: %s', (json) => {
  expect(() => readEnvironment('work', awsEnvironment({ TUNEPLANE_COMPUTE_CLASSES: json }))).toThrow(/TUNEPLANE_COMPUTE_CLASSES/);
});

test('eight compute classes fit into the 4 KB of a function, with all else', () => {
  const classes = JSON.parse(awsEnvironment().TUNEPLANE_COMPUTE_CLASSES);
  const eight = Array.from({ length: 8 }, (_, index) => ({ ...classes[0], name: `class-${index}-of-many` }));
  const variables = awsEnvironment({ TUNEPLANE_COMPUTE_CLASSES: JSON.stringify(eight) });

  const bytes = Object.entries(variables).reduce((sum, [name, value]) => sum + name.length + value.length, 0);

  expect(bytes).toBeLessThan(MOST_BYTES);
});

test('each kind of function asks for what it uses and no more', () => {
  const all = new Set(Object.keys(ENVIRONMENTS.api.shape));

  expect(Object.keys(ENVIRONMENTS.stream.shape).sort()).toEqual(
    ['TUNEPLANE_EVENT_BUS', 'TUNEPLANE_TABLE', 'TUNEPLANE_URL', 'TUNEPLANE_WEBSOCKET_ENDPOINT'].sort(),
  );
  expect(Object.keys(ENVIRONMENTS.websocket.shape)).not.toContain('TUNEPLANE_KEY_SECRET_ARN');
  expect(Object.keys(ENVIRONMENTS.work.shape).filter((name) => !all.has(name))).toEqual([]);
  const kinds: EnvironmentKind[] = ['api', 'default', 'work', 'sweeper', 'stream', 'websocket', 'deployment'];
  expect(Object.keys(ENVIRONMENTS)).toEqual(kinds);
});

test('what is missing in a stack does not compile', () => {
  // @ts-expect-error TUNEPLANE_TABLE is missing
  const stream: EnvironmentOf<'stream'> = {
    TUNEPLANE_EVENT_BUS: 'bus',
    TUNEPLANE_URL: 'https://plane.example.com',
    TUNEPLANE_WEBSOCKET_ENDPOINT: 'https://sockets.example.com/live',
  };

  expect(() => readEnvironment('stream', { ...stream })).toThrow('TUNEPLANE_TABLE');
});
