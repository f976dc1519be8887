import { expect, test } from 'vitest';
import { runEdgeFunction } from '../deploy/front-door.ts';

test('the path of a job becomes a parameter, beside those that were there', () => {
  expect(runEdgeFunction('/ws/training/jobs/run_01kb', { after: '3', ticket: 'secret' })).toEqual({
    uri: '/live',
    querystring: { after: { value: '3' }, ticket: { value: 'secret' }, job_id: { value: 'run_01kb' } },
  });
});

test('a job that a caller names otherwise is not the one that is followed', () => {
  expect(runEdgeFunction('/ws/training/jobs/run_own', { job_id: 'run_other' }).querystring).toEqual({ job_id: { value: 'run_own' } });
});

test('what is left of a path is no job, and the function behind says so', () => {
  expect(runEdgeFunction('/ws/training/jobs/a/../b%2f', {}).querystring).toEqual({ job_id: { value: 'a/../b%2f' } });
  expect(runEdgeFunction('/ws/training/jobs/', {}).querystring).toEqual({ job_id: { value: '' } });
});
