/** `npm run redrive -- <stage>`: what ended as a dead letter is brought back, when the reason is mended. */
import { deadLetterQueues, redriveQueue } from './dead-letters.ts';
import { readOutputs } from './deployed-stage.ts';
import { openStage } from './stage-context.ts';

/** @throws CommandError where the stage is not deployed */
export async function redrive(stageName: string): Promise<void> {
  const { stage } = await openStage(stageName);
  const outputs = await readOutputs(stage);
  for (const queue of await deadLetterQueues(outputs)) {
    const count = await redriveQueue(queue, outputs);
    console.log(`${queue.name.padEnd(12)} ${count === 0 ? 'no dead letters' : `${count} brought back`}`);
  }
}
