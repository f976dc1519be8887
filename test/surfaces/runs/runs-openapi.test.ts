/** What the document says of our own reads is what they do: types that a body or an answer may have beside JSON, links, paths of files. */
import { expect, test } from 'vitest';
import { buildOpenApi } from '#http/openapi.ts';
import { runsSurface } from '#surfaces/runs/surface.ts';

const document = JSON.parse(JSON.stringify(buildOpenApi([runsSurface])));
const typesOf = (content: object): string[] => Object.keys(content).sort();

test('the timeline may come as server-sent events, or not at all once a final run has no more', () => {
  const { responses } = document.paths['/runs/{run_id}/events'].get;

  expect(typesOf(responses['200'].content)).toEqual(['application/json', 'text/event-stream']);
  expect(responses['204'].content).toBeUndefined();
});

test('a dataset is taken as lines of text or as JSON', () => {
  const { requestBody, responses } = document.paths['/datasets/{name}'].put;

  expect(typesOf(requestBody.content)).toEqual(['application/json', 'application/jsonl', 'application/x-ndjson', 'text/plain']);
  expect(Object.keys(responses)).toEqual(expect.arrayContaining(['200', '201', '400', '413']));
});

test('a file is a redirect to its bytes', () => {
  const { responses, parameters } = document.paths['/runs/{run_id}/artifacts/{path}'].get;

  expect(responses['302'].headers).toHaveProperty('location');
  expect(Object.keys(responses)).toContain('404');
  expect(parameters.map(({ name }: { name: string }) => name)).toEqual(['run_id', 'path', 'link']);
});

test('every query of the logs is described as it is checked', () => {
  const names = document.paths['/runs/{run_id}/logs'].get.parameters.map(({ name }: { name: string }) => name);

  expect(names).toEqual(['run_id', 'after', 'limit', 'start', 'end', 'level', 'q']);
});
