/** Numbers, times, routes and requests as the page writes them. */
import { describe, expect, test } from 'vitest';
import { nameFromFile, peekRows, peekStart } from '../../web/data/peek-rows.ts';
import { showBytes, showMany, showNumber, showPercent } from '../../web/format/numbers.ts';
import { showAgo, showDuration } from '../../web/format/times.ts';
import { toAssignments, toCommandLine, toCurl, toPython } from '../../web/plane/recipe.ts';
import { parseRoute, routeText } from '../../web/route/route-text.ts';
import { boxHeight, LINE_HEIGHT, scrollTo, topLine } from '../../web/run/log/log-scale.ts';
import { colourOf, dashesOf } from '../../web/runs/run-colour.ts';

test.each([
  [null, '–'],
  [Number.NaN, '–'],
  [0, '0'],
  [0.02131, '0.02131'],
  [1.23456, '1.235'],
  [12_038, '12,038'],
  [12_038.4, '12,038'],
  [3.2e-7, '3.2e-7'],
  [2e-4, '2e-4'],
  [1.5e12, '1.5e12'],
  [-0.5, '-0.5'],
])('the number %s reads %j', (value, words) => {
  expect(showNumber(value)).toBe(words);
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1 KB'],
  [1_234_567, '1.2 MB'],
  [234_567_890, '235 MB'],
  [5e15, '5,000 TB'],
])('%d bytes read %j', (bytes, words) => {
  expect(showBytes(bytes)).toBe(words);
});

test('all of it is said only of what is done', () => {
  expect([showPercent(0), showPercent(0.0349), showPercent(0.9999), showPercent(1)]).toEqual(['0.0 %', '3.4 %', '99 %', '100 %']);
  expect([showMany(1, 'run'), showMany(2_000, 'run'), showMany(1, 'run waits', 'runs wait')]).toEqual([
    '1 run',
    '2,000 runs',
    '1 run waits',
  ]);
});

test.each([
  [0.0004, '0 ms'],
  [0.066, '66 ms'],
  [0.4, '0.4 s'],
  [12, '12 s'],
  [59.6, '1 m'],
  [192, '3 m 12 s'],
  [3_599.7, '1 h'],
  [7_500, '2 h 5 m'],
  [86_399, '1 d'],
  [273_600, '3 d 4 h'],
  [-1, '–'],
])('%d seconds read %j', (seconds, words) => {
  expect(showDuration(seconds)).toBe(words);
});

test('a moment is told by how long ago it is', () => {
  const now = Date.parse('2026-11-25T12:00:00Z');
  const ago = (seconds: number) => showAgo(new Date(now - seconds * 1_000).toISOString(), now);

  expect([ago(5), ago(60), ago(3_500), ago(3_600), ago(90_000), ago(40 * 86_400)]).toEqual([
    'just now',
    '1 min ago',
    '58 min ago',
    '1 h ago',
    '1 d ago',
    '16 Oct 2026',
  ]);
});

describe('a route', () => {
  test('is text and back again', () => {
    const text = routeText(['runs', 'run_1'], { q: 'a|b c', state: null, line: '' });

    expect(text).toBe('#/runs/run_1?q=a%7Cb+c');
    expect(parseRoute(text)).toEqual({ path: ['runs', 'run_1'], query: { q: 'a|b c' } });
  });

  test.each(['', '#', '#/', '#main', '#/%E0%A4%A'])('is something whatever the hash is: %j', (hash) => {
    expect(parseRoute(hash).query).toEqual({});
  });
});

describe('a request as text', () => {
  const recipe = { method: 'POST', path: '/runs/x/stop', body: { name: "it's", on: true, none: null, list: [1] } } as const;

  test('for a shell holds no token, only where it comes from, and quotes what a shell would read', () => {
    expect(toCurl(recipe, 'http://127.0.0.1:8000', true)).toBe(
      `curl -sS -X POST 'http://127.0.0.1:8000/runs/x/stop' \\\n  -H "Authorization: Bearer $TRAINER_API_TOKEN" \\\n  -H 'content-type: application/json' \\\n  -d '{"name":"it'\\''s","on":true,"none":null,"list":[1]}'`,
    );
    expect(toCurl({ method: 'GET', path: '/a' }, 'http://x', false)).toBe("curl -sSL 'http://x/a'");
  });

  test('for the command line are its words, and a text that reads as something else is quoted', () => {
    const command = [
      'train',
      '-d',
      '--data',
      'my rows.jsonl',
      ...toAssignments({ max_steps: 3, packing: true, wandb_project: '12', target_modules: ['q'] }),
    ];

    expect(toCommandLine({ method: 'POST', path: '/x', command }, 'http://x:1')).toBe(
      `npx tuneplane train -d --data 'my rows.jsonl' --set max_steps=3 --set packing=true --set 'wandb_project="12"' --set 'target_modules=["q"]' --url http://x:1`,
    );
  });

  test('for Python is Python', () => {
    expect(toPython(recipe, 'http://127.0.0.1:8000', false)).toBe(
      [
        'import requests',
        '',
        'reply = requests.post(',
        '    "http://127.0.0.1:8000/runs/x/stop",',
        '    json={',
        '        "name": "it\'s",',
        '        "on": True,',
        '        "none": None,',
        '        "list": [',
        '            1,',
        '        ],',
        '    },',
        ')',
        'reply.raise_for_status()',
        'print(reply.json())',
      ].join('\n'),
    );
  });

  test('of a file names the file', () => {
    const upload = {
      method: 'PUT',
      path: '/datasets/p',
      text: { content: 'x', contentType: 'application/x-ndjson', file: 'p.jsonl' },
    } as const;

    expect(toCurl(upload, 'http://x', false)).toContain("--data-binary '@p.jsonl'");
    expect(toPython(upload, 'http://x', true)).toContain('data=open("p.jsonl", "rb")');
  });
});

describe('a file before it is sent', () => {
  test('shows its first rows, as lines or as an array', () => {
    expect(peekRows('{"text": "a"}\n\n{"text": "b"}\n', 1)).toMatchObject({ rows: [{ text: 'a' }], note: '2 lines in all' });
    expect(peekRows('\ufeff[{"text": "a"}, {"text": "b"}]', 5)).toMatchObject({
      rows: [{ text: 'a' }, { text: 'b' }],
      content: '{"text":"a"}\n{"text":"b"}\n',
    });
  });

  test('says what of it cannot be read', () => {
    expect(peekRows('{"text": "a"}\n{torn\n', 5).note).toBe('line 2 is not JSON');
    expect(peekRows('[{"text": "a"}', 5)).toMatchObject({ rows: [], note: expect.stringContaining('does not end as one') });
    expect(peekStart('{"text": "a"}\n{"text": "cut', 5).rows).toEqual([{ text: 'a' }]);
    expect(peekStart('[{}', 5).note).toContain('make it JSON Lines');
  });

  test.each([
    ['My poems (2).jsonl', 'My-poems-2'],
    ['..hidden.JSON', 'hidden'],
    ['a..b.ndjson', 'a.b'],
  ])('%s is offered the name %s', (file, name) => {
    expect(nameFromFile(file)).toBe(name);
  });
});

describe('a log in a box', () => {
  test.each([10, 5_000, 1_000_000, 10_000_000])(
    'of %d lines: the first is at the top, the last at the bottom, and each can be scrolled to',
    (lines) => {
      const viewport = 600;
      const height = boxHeight(lines);

      expect(height).toBeLessThanOrEqual(17_000_000); // where Firefox ends a box
      expect(topLine(0, lines, viewport)).toBe(0);
      if (height > viewport) expect(topLine(height - viewport, lines, viewport) + viewport / LINE_HEIGHT).toBeCloseTo(lines, 3);
      const middle = Math.floor(lines / 2);
      expect(topLine(scrollTo(middle, lines, viewport), lines, viewport)).toBeCloseTo(middle, 3);
    },
  );
});

describe('the colour of a run', () => {
  test('is made of its id alone, and is another in the dark', () => {
    expect(colourOf('run_a', 'light')).toBe(colourOf('run_a', 'light'));
    expect(colourOf('run_a', 'light')).not.toBe(colourOf('run_a', 'dark'));
    expect(new Set(Array.from({ length: 500 }, (_, index) => colourOf(`run_${index}`, 'light'))).size).toBe(24);
  });

  test('where several share it, is told apart by dashes', () => {
    const ids = Array.from({ length: 500 }, (_, index) => `run_${index}`);
    const alike = ids.filter((id) => colourOf(id, 'light') === colourOf('run_0', 'light')).slice(0, 3);

    expect(alike).toHaveLength(3);
    expect(new Set([...dashesOf(alike).values()].map(String)).size).toBe(3);
  });
});
