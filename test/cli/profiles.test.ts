/** Which plane, and with which token: profiles, variables and flags. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findConnection } from '../../cli/settings/connection.ts';
import { callCommand, type Ran, readAnswer } from '../support/command-line.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

let folder: { path: string; remove: () => Promise<void> };
let file: string;
beforeEach(async () => {
  folder = await makeTemporaryFolder();
  file = join(folder.path, 'tuneplane', 'config.yaml');
});
afterEach(() => folder.remove());

const call = (words: readonly string[], piped = '', variables: Readonly<Record<string, string>> = {}): Promise<Ran> =>
  callCommand(words, { piped, variables: { XDG_CONFIG_HOME: folder.path, ...variables } });
const write = (text: string): void => {
  mkdirSync(join(folder.path, 'tuneplane'), { recursive: true });
  writeFileSync(file, text, { mode: 0o600 });
};

describe('profiles', () => {
  test('are kept with the token that standard input holds, in a file that nobody else may read; no token is ever shown', async () => {
    const set = await call(['profiles', 'set', 'work', 'https://plane.example.com/'], 'canary-token\n');
    const other = await call(['profiles', 'set', 'home', 'http://127.0.0.1:9000', '--no-token']);
    const list = await call(['profiles', '--json']);

    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toContain('token: canary-token');
    expect(readAnswer('profiles ls', list.output)).toEqual({
      file,
      current: 'home',
      profiles: [
        { name: 'work', url: 'https://plane.example.com', has_token: true },
        { name: 'home', url: 'http://127.0.0.1:9000', has_token: false },
      ],
    });
    for (const { output, errors } of [set, other, list]) expect(output + errors).not.toContain('canary');
  });

  test('a token is asked for on a terminal', async () => {
    const { code, errors } = await callCommand(['profiles', 'set', 'work', 'https://plane.example.com'], {
      typed: 'typed-token\n',
      variables: { XDG_CONFIG_HOME: folder.path },
    });

    expect(code).toBe(0);
    expect(errors).toContain('token of that plane (not shown');
    expect(readFileSync(file, 'utf8')).toContain('token: typed-token');
  });

  test('use makes one current, remove forgets it', async () => {
    write('profile: a\nprofiles:\n  a: {url: http://127.0.0.1:1}\n  b: {url: http://127.0.0.1:2, token: t}\n');

    const used = readAnswer('profiles use', (await call(['profiles', 'use', 'b', '--json'])).output);
    const removed = readAnswer('profiles remove', (await call(['profiles', 'remove', 'b', '--json'])).output);
    const missing = await call(['profiles', 'use', 'b']);

    expect(used.current).toBe('b');
    expect(removed).toMatchObject({ current: null, profiles: [{ name: 'a' }] });
    expect(missing).toMatchObject({ code: 2, errors: expect.stringContaining("'b', which is not in") });
  });

  test.each([
    ['profiles: [1]', 'profiles must be'],
    ['profile: a\nprofils: {}', "did you mean 'profile'"],
    ['profiles:\n  a: {url: http://x, tokn: t}', "did you mean 'token'"],
    ['{', ':'],
  ])('a file like %j is told by its name and what is wrong', async (text, words) => {
    write(text);

    const { code, errors } = await call(['profiles']);

    expect(code).toBe(2);
    expect(errors).toContain(file);
    expect(errors).toContain(words);
  });

  test.each([
    [['a/b', 'http://x'], "got 'a/b'"],
    [['a', 'nowhere'], "got 'nowhere'"],
  ])('%j is refused, and nothing is written', async (words, sentence) => {
    expect(await call(['profiles', 'set', ...words], 't\n')).toMatchObject({ code: 2, errors: expect.stringContaining(sentence) });
    expect(() => statSync(file)).toThrow('ENOENT');
  });
});

describe('the plane that counts', () => {
  const find = (flags: { url?: string; profile?: string }, variables: Readonly<Record<string, string>>) =>
    findConnection(flags, { variables: { XDG_CONFIG_HOME: folder.path, ...variables }, calledAs: 'tuneplane' });
  const PROFILES =
    'profile: work\nprofiles:\n  work: {url: "https://work.example.com", token: work-token}\n  home: {url: "http://10.0.0.5:8000"}\n';

  test.each([
    ['nothing says so', {}, {}, 'http://127.0.0.1:8000', null],
    ['the port of this machine', {}, { PORT: '9000' }, 'http://127.0.0.1:9000', null],
    ['the variable', {}, { TUNEPLANE_URL: 'http://a:1/' }, 'http://a:1', null],
    ['the flag before the variable', { url: 'http://b:2' }, { TUNEPLANE_URL: 'http://a:1' }, 'http://b:2', null],
    ['the variable with its token', {}, { TUNEPLANE_URL: 'http://a:1', TUNEPLANE_TOKEN: 't' }, 'http://a:1', 't'],
    ["the plane's own token on this machine", {}, { TRAINER_API_TOKEN: 'own' }, 'http://127.0.0.1:8000', 'own'],
    [
      "the plane's own token nowhere else",
      {},
      { TRAINER_API_TOKEN: 'own', TUNEPLANE_URL: 'https://a.example.com' },
      'https://a.example.com',
      null,
    ],
  ] as const)('%s', async (_, flags, variables, url, token) => {
    const connection = await find(flags, variables);

    expect(connection.url).toBe(url);
    expect(connection.token?.value ?? null).toBe(token);
  });

  test.each([
    ['the current profile, with its token', {}, {}, 'https://work.example.com', 'work-token'],
    ['a profile by flag', { profile: 'home' }, { TUNEPLANE_URL: 'http://a:1' }, 'http://10.0.0.5:8000', null],
    ['a profile by variable', {}, { TUNEPLANE_PROFILE: 'home' }, 'http://10.0.0.5:8000', null],
    ['a variable before the current profile', {}, { TUNEPLANE_URL: 'http://a:1' }, 'http://a:1', null],
    ["a token of the variable before the current profile's", {}, { TUNEPLANE_TOKEN: 't' }, 'https://work.example.com', 't'],
    ["a flag's profile keeps its own token", { profile: 'work' }, { TUNEPLANE_TOKEN: 't' }, 'https://work.example.com', 'work-token'],
    ["a profile's token does not follow to another address", { url: 'https://evil.example.com' }, {}, 'https://evil.example.com', null],
  ] as const)('%s', async (_, flags, variables, url, token) => {
    write(PROFILES);

    const connection = await find(flags, variables);

    expect(connection.url).toBe(url);
    expect(connection.token?.value ?? null).toBe(token);
  });

  test('a relative XDG_CONFIG_HOME is ignored, as its specification says', async () => {
    mkdirSync(join(folder.path, '.config', 'tuneplane'), { recursive: true });
    writeFileSync(join(folder.path, '.config', 'tuneplane', 'config.yaml'), PROFILES);

    expect((await find({}, { XDG_CONFIG_HOME: 'relative', HOME: folder.path })).url).toBe('https://work.example.com');
  });
});
