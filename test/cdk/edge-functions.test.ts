import { expect, test } from 'vitest';
import { runEdgeFunction } from '../deploy/front-door.ts';

const rewrite = (uri: string, query: Readonly<Record<string, string>>) => runEdgeFunction('rewrite-socket-path.js', uri, query);

test('the root is a page with a name, whatever stands behind it', () => {
  expect(runEdgeFunction('page-of-root.js', '/', { from: 'mail' })).toEqual({
    uri: '/index.html',
    querystring: { from: { value: 'mail' } },
  });
});

test('the path of a job becomes a parameter, beside those that were there', () => {
  expect(rewrite('/ws/training/jobs/run_01kb', { after: '3', ticket: 'secret' })).toEqual({
    uri: '/live',
    querystring: { after: { value: '3' }, ticket: { value: 'secret' }, job_id: { value: 'run_01kb' } },
  });
});

test('a job that a caller names otherwise is not the one that is followed', () => {
  expect(rewrite('/ws/training/jobs/run_own', { job_id: 'run_other' }).querystring).toEqual({ job_id: { value: 'run_own' } });
});

test('what is left of a path is no job, and the function behind says so', () => {
  expect(rewrite('/ws/training/jobs/a/../b%2f', {}).querystring).toEqual({ job_id: { value: 'a/../b%2f' } });
  expect(rewrite('/ws/training/jobs/', {}).querystring).toEqual({ job_id: { value: '' } });
});
