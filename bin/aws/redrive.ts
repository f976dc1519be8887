/** `npm run redrive -- <stage>`: what ended as a dead letter is brought back, when the reason is mended. */
import { deadLetterQueues, redriveQueue } from './dead-letters.ts';
import { readOutputs } from './deployed-stage.ts';
import { CommandError, openStage } from './stage-context.ts';

/** @throws CommandError where the stage is not deployed, or a letter could not be delivered; the other queues were brought back */
export async function redrive(stageName: string): Promise<void> {
  const { stage } = await openStage(stageName);
  const outputs = await readOutputs(stage);
  let refused = 0;
  for (const queue of await deadLetterQueues(outputs)) {
    const say = (what: string): void => console.log(`${queue.name.padEnd(12)} ${what}`);
    try {
      const count = await redriveQueue(queue, outputs);
      say(count === 0 ? 'no dead letters' : `${count} brought back`);
    } catch (error) {
      refused++;
      say(`not brought back: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (refused > 0)
    throw new CommandError('what could not be delivered stays where it is: mend the reason, and call this again (docs/runbook.md)');
}
