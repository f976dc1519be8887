/**
 * Where a supervisor answers that it lives. A Unix socket's path may hold 107 bytes, so a home with a long name is reached through
 * a short link in the temporary folder; only the link's path counts.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';

const MAX_PATH_BYTES = 100;
const ANSWER_MILLIS = 2_000;

const answerSchema = z.object({
  runId: z.string(),
  attempt: z.int(),
  claimId: z.string(),
  pid: z.int().min(1),
  gpus: z.array(z.int()).optional(),
});
export type SupervisorAnswer = z.infer<typeof answerSchema>;

/** The socket of an attempt, as short as it must be. The folder is made where it is missing. */
export function socketPath(home: string, tag: string): string {
  const folder = join(home, 'sockets');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const name = `${createHash('sha256').update(tag).digest('hex').slice(0, 20)}.sock`;
  if (Buffer.byteLength(join(folder, name)) <= MAX_PATH_BYTES) return join(folder, name);
  const link = join(tmpdir(), `tuneplane-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}`);
  let target: string | null = null;
  try {
    target = readlinkSync(link);
  } catch {
    // not there, or not a link: made below, and an error there is the one to show
  }
  if (target !== folder) {
    rmSync(link, { force: true });
    symlinkSync(folder, link);
  }
  return join(link, name);
}

/** `gone`: nobody listens there, and a dead listener cannot come back. `silent`: somebody does, and does not answer. */
export function askSupervisor(path: string): Promise<SupervisorAnswer | 'gone' | 'silent'> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let text = '';
    const finish = (answer: SupervisorAnswer | 'gone' | 'silent'): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => finish('silent'), ANSWER_MILLIS);
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('end', () => finish(parseAnswer(text)));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      finish(error.code === 'ENOENT' || error.code === 'ECONNREFUSED' ? 'gone' : 'silent'),
    );
  });
}

function parseAnswer(text: string): SupervisorAnswer | 'silent' {
  try {
    return answerSchema.parse(JSON.parse(text));
  } catch {
    return 'silent'; // it ended in the middle of its answer
  }
}
