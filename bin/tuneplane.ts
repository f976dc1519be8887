/** The commands of the repository, by name; each has a file in cli/. */
import { Socket } from 'node:net';
import { ask } from '../cli/ask.ts';
import { quickstart } from '../cli/quickstart.ts';
import { start } from '../cli/start.ts';

/** The pipe of the process that started us (bin/bootstrap.mjs): its end is a SIGTERM, so that nobody is left behind. */
if (process.env['TUNEPLANE_LIFELINE'] !== undefined) {
  const lifeline = new Socket({ fd: Number(process.env['TUNEPLANE_LIFELINE']), readable: true, writable: false });
  lifeline.on('close', () => process.kill(process.pid, 'SIGTERM')).on('error', () => {});
  lifeline.resume().unref();
}

const COMMANDS: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = { start, quickstart, ask };

const [name = '', ...args] = process.argv.slice(2);
const command = COMMANDS[name];
if (!command) {
  console.error(`unknown command '${name}': ${Object.keys(COMMANDS).join(', ')}`);
  process.exit(2);
}
try {
  process.exitCode = await command(args);
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
}

function explain(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if ('code' in error && error.code === 'EADDRINUSE' && 'port' in error)
    return `port ${error.port} is taken by another program: set PORT to a free one`;
  return error.message;
}
