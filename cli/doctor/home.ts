/** Where a plane on this machine keeps everything: settings, home, disk, data root, port. */
import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { type LocalEnvironment, readEnvironment } from '../../lambdas/local/environment.ts';
import { describeBytes } from '../text/words.ts';
import type { Check, Finding } from './check.ts';
import { failed, note, ok, warning } from './check.ts';

/** The trainer's packages are 6 GB; a run of a small model leaves some hundred MB. */
const NEEDED_BYTES = 2e9;
const COMFORTABLE_BYTES = 10e9;
const LOOK_MILLIS = 1_000;

export const checkHome: Check = {
  name: 'home',
  find: async ({ session, variables }) => {
    let settings: LocalEnvironment;
    try {
      settings = readEnvironment(variables, session.world.workingFolder);
    } catch (error) {
      const finding = error instanceof Error ? error.message.replaceAll('\n', '; ') : String(error);
      return [failed('settings', finding, 'correct these variables, or unset them; README.md has the list')];
    }
    return [
      ok('settings', 'every variable can be used'),
      ...(await Promise.all([checkFolder(settings), checkDisk(settings), checkDataRoot(settings), checkPort(settings)])),
    ];
  },
};

/** The folder itself, or the first above it that is there. */
async function nearestFolder(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) if ((await stat(at).catch(() => null))?.isDirectory() || at === dirname(at)) return at;
}

const mayWrite = (path: string): Promise<boolean> =>
  access(path, constants.W_OK).then(
    () => true,
    () => false,
  );

async function checkFolder({ home }: LocalEnvironment): Promise<Finding> {
  const nearest = await nearestFolder(home);
  if (!(await mayWrite(nearest))) return failed('home', `${nearest} may not be written to`, 'set TUNEPLANE_HOME to a folder of your own');
  return ok('home', nearest === home ? home : `${home}, which the first start makes`);
}

async function checkDisk({ home }: LocalEnvironment): Promise<Finding> {
  const { bavail, bsize } = await statfs(await nearestFolder(home));
  const free = bavail * bsize;
  const finding = `${describeBytes(free)} free for ${home}`;
  if (free < NEEDED_BYTES)
    return failed('disk', finding, `free some: at least ${describeBytes(NEEDED_BYTES)}, or set TUNEPLANE_HOME to another disk`);
  if (free < COMFORTABLE_BYTES)
    return warning('disk', finding, 'a base model of some size will not fit: free some, or set TUNEPLANE_HOME to another disk');
  return ok('disk', finding);
}

async function checkDataRoot({ dataRoot }: LocalEnvironment): Promise<Finding> {
  const isFolder = (await stat(dataRoot).catch(() => null))?.isDirectory() === true;
  return isFolder
    ? ok('data root', dataRoot)
    : failed('data root', `there is no folder ${dataRoot}`, 'make it, or correct TUNEPLANE_DATA_ROOT');
}

/** Taken by a plane is as it should be; the check of the plane says more. */
async function checkPort({ port }: LocalEnvironment): Promise<Finding> {
  if (port === 0) return ok('port', 'a free one is taken at each start');
  if (!(await isTaken(port))) return ok('port', `${port} is free`);
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(LOOK_MILLIS), redirect: 'manual' });
    if (answer.ok && (await answer.text()).includes('"ok"')) return note('port', `${port} is held by a plane that runs`);
  } catch {
    // whoever holds it does not speak HTTP
  }
  return failed('port', `${port} is taken by another program`, 'set PORT to a free one');
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: LOOK_MILLIS });
    const end = (is: boolean): void => {
      socket.destroy();
      resolve(is);
    };
    socket
      .once('connect', () => end(true))
      .once('error', () => end(false))
      .once('timeout', () => end(false));
  });
}
