/**
 * `npm run bench`: the plane (every check on, every create synced to the disk) beside a plain in-memory FastAPI server of the same routes,
 * on this machine, in turns. The ratio is what counts: the figures themselves are those of a shared machine on one day.
 *
 *   --rounds 5 --seconds 1.5   how often, and how long each stretch of load is
 */
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { APIS, SFT } from './apis.ts';
import { API_CASES, CASES, type ContestFigures, measureContest } from './contest.ts';
import { measureStart, startPeer, startPlane } from './contestants.ts';
import { measureSync } from './disk-sync.ts';
import { measureShare } from './middleware.ts';
import { printApis, printContest, printGoals, printMachine, printShare, printStore } from './report.ts';
import { measureStore } from './store.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '1.5' } } });
/** The other four APIs go through the same chain: three rounds tell whether one of them lags. */
const OTHER_ROUNDS = 3;
const rounds = Number(values.rounds);
const milliseconds = Number(values.seconds) * 1_000;
if (!(Number.isInteger(rounds) && rounds >= 1 && rounds <= 100 && milliseconds > 0 && milliseconds <= 60_000)) {
  throw new Error('--rounds takes 1 to 100, --seconds takes up to 60');
}

// Beside the working folder's own home: the same disk, not a memory file system.
const repository = join(import.meta.dirname, '..');
const parent = join(repository, '.tuneplane');
mkdirSync(parent, { recursive: true });
const folder = mkdtempSync(join(parent, 'bench-'));
try {
  printMachine({ rounds, seconds: milliseconds / 1_000, sync: measureSync(folder) });
  printStore(await measureStore(join(folder, 'store')));
  printShare(await measureShare(join(folder, 'middleware')));
  const startMillis = await measureStart(repository, join(folder, 'start'));
  const plane = await startPlane(repository, join(folder, 'plane'));
  try {
    const peer = await startPeer(repository);
    try {
      const idleMegabytes = plane.server.residentMegabytes();
      const figures = await measureContest({ plane, peer }, { rounds, milliseconds, api: SFT, cases: CASES });
      printContest(figures);
      const others = new Map<string, ContestFigures>();
      for (const api of APIS.filter((candidate) => candidate !== SFT)) {
        others.set(api.name, await measureContest({ plane, peer }, { rounds: OTHER_ROUNDS, milliseconds, api, cases: API_CASES }));
      }
      printApis(new Map([...others, [SFT.name, figures]]));
      printGoals(figures, { startMillis, ownStartMillis: plane.startMillis, idleMegabytes });
    } finally {
      await peer.server.stop();
    }
  } finally {
    await plane.server.stop();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
  try {
    rmdirSync(parent);
  } catch {
    // somebody's home lies there too
  }
}
