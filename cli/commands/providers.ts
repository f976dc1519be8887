import { type Command, describeExamples } from '../command.ts';
import type { Session } from '../session.ts';

export const define = (command: Command, session: Session) =>
  command
    .description('Where runs may train, what is missing where they may not, and the machines that are there.')
    .addHelpText('after', describeExamples([{ line: 'providers', about: 'what is configured, and who holds which GPU' }]))
    .action(async () => {
      const [plane, { listProviders, listWorkers }, { describeProviders }] = await Promise.all([
        session.plane(),
        import('../plane/places.ts'),
        import('../text/provider-words.ts'),
      ]);
      const [providers, workers] = await Promise.all([listProviders(plane), listWorkers(plane)]);
      session.print('providers', { providers, workers }, (colors) => describeProviders(providers, workers, colors));
    });
