/** Every command, in the order of the help. A new one is a row here, a file in commands/, and its `--json` in answers.ts. */
import type { CommandRow } from './command.ts';

const RUNS = 'Runs:';
const RESULTS = 'Results:';
const SHELVES = 'What runs are made of:';
const PLANE = 'The plane:';
const PROGRAM = 'This program:';

export const COMMAND_TABLE: readonly CommandRow[] = [
  { name: 'train', group: RUNS, summary: 'start a run, and follow it', load: () => import('./commands/train.ts') },
  { name: 'attach', group: RUNS, summary: 'follow a run to its end', load: () => import('./commands/attach.ts') },
  { name: 'ls', alias: 'list', group: RUNS, summary: 'list runs of every API, newest first', load: () => import('./commands/ls.ts') },
  { name: 'ps', group: RUNS, summary: 'list what is under way', load: () => import('./commands/ps.ts') },
  { name: 'show', group: RUNS, summary: 'show a run in full', load: () => import('./commands/show.ts') },
  { name: 'logs', group: RUNS, summary: "print a run's log", load: () => import('./commands/logs.ts') },
  { name: 'events', group: RUNS, summary: "print a run's timeline", load: () => import('./commands/events.ts') },
  { name: 'metrics', group: RUNS, summary: "show a run's curves", load: () => import('./commands/metrics.ts') },
  { name: 'stop', group: RUNS, summary: 'stop runs; each saves a final checkpoint', load: () => import('./commands/stop.ts') },
  {
    name: 'pause',
    group: RUNS,
    summary: 'pause a run: it saves a checkpoint, and its slot is free',
    load: () => import('./commands/pause.ts'),
  },
  {
    name: 'checkpoint',
    group: RUNS,
    summary: 'have runs save a checkpoint now, and go on',
    load: () => import('./commands/checkpoint.ts'),
  },
  {
    name: 'resume',
    group: RUNS,
    summary: 'let a paused run go on, or start one from a checkpoint',
    load: () => import('./commands/resume.ts'),
  },
  {
    name: 'delete',
    alias: 'rm',
    group: RUNS,
    summary: 'delete runs that are over, and what they stored',
    load: () => import('./commands/delete.ts'),
  },
  { name: 'gc', group: RUNS, summary: 'delete many runs by age', load: () => import('./commands/gc.ts') },
  { name: 'artifacts', group: RESULTS, summary: 'list and download what a run made', load: () => import('./commands/artifacts.ts') },
  { name: 'tag', group: RESULTS, summary: 'tag a result or a checkpoint, which is kept then', load: () => import('./commands/tag.ts') },
  { name: 'ask', group: RESULTS, summary: 'ask base and tuned model the same thing', load: () => import('./commands/ask.ts') },
  { name: 'datasets', group: SHELVES, summary: 'list, store and look at datasets', load: () => import('./commands/datasets.ts') },
  { name: 'configs', group: SHELVES, summary: 'list, show and save configurations', load: () => import('./commands/configs.ts') },
  { name: 'projects', group: SHELVES, summary: 'list, show and create projects', load: () => import('./commands/projects.ts') },
  {
    name: 'providers',
    group: PLANE,
    summary: 'where runs may train, and the machines that are there',
    load: () => import('./commands/providers.ts'),
  },
  { name: 'worker', group: PLANE, summary: 'have this machine train for a plane elsewhere', load: () => import('./commands/worker.ts') },
  { name: 'deploy', group: PLANE, summary: 'deploy a stage into your AWS account', load: () => import('./commands/deploy.ts') },
  { name: 'start', group: PLANE, summary: 'start a plane on this machine', load: () => import('./commands/start.ts') },
  {
    name: 'quickstart',
    group: PLANE,
    summary: 'fine-tune a tiny model here, and see what it learned',
    load: () => import('./commands/quickstart.ts'),
  },
  {
    name: 'doctor',
    group: PLANE,
    summary: 'check this machine and the plane, and say what to do',
    load: () => import('./commands/doctor.ts'),
  },
  { name: 'dashboard', group: PLANE, summary: "open the plane's pages in a browser", load: () => import('./commands/dashboard.ts') },
  { name: 'profiles', group: PROGRAM, summary: 'planes by name, with their tokens', load: () => import('./commands/profiles.ts') },
  {
    name: 'completion',
    group: PROGRAM,
    summary: 'print what completes commands in bash, zsh or fish',
    load: () => import('./commands/completion.ts'),
  },
];
