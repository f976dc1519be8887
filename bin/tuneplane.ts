/** The program's outside: this process as a world for cli/main.ts, and its exit code. */
import { enableCompileCache } from 'node:module';
import { Socket } from 'node:net';
import type { World } from '../cli/world.ts';

const { env, stdin, stdout, stderr } = process;

/** The pipe of the process that started us (bin/bootstrap.mjs): its end is a SIGTERM, so that nobody is left behind. */
if (env['TUNEPLANE_LIFELINE'] !== undefined) {
  const lifeline = new Socket({ fd: Number(env['TUNEPLANE_LIFELINE']), readable: true, writable: false });
  lifeline.on('close', () => process.kill(process.pid, 'SIGTERM')).on('error', () => {});
  lifeline.resume().unref();
}

/** The first Ctrl-C or SIGTERM asks the command to come to its end, the second ends the process at once. */
const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (interrupt.signal.aborted) process.exit(130);
    interrupt.abort();
  });
}

/** Who reads our output may have seen enough: `tuneplane logs last | head`. */
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const world: World = {
  variables: env,
  // npm runs scripts in the package's folder, and says where its user stands.
  workingFolder: (env['npm_lifecycle_event'] === 'cli' && env['INIT_CWD']) || process.cwd(),
  input: stdin,
  output: stdout,
  errors: stderr,
  interrupted: interrupt.signal,
  calledAs: env['npm_lifecycle_event'] === 'cli' ? 'npm run cli --' : env['npm_command'] === 'exec' ? 'npx tuneplane' : 'tuneplane',
};

/** A third of the time that `--help` takes is reading TypeScript: Node keeps what it made of it in the temporary folder. */
enableCompileCache();
const { main } = await import('../cli/main.ts');
process.exitCode = await main(process.argv.slice(2), world);
