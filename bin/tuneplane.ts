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
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
