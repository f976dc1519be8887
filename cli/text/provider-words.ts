/** Providers and machines as people read them. */
import type { Provider, Worker } from '../plane/places.ts';
import type { Colors } from '../session.ts';
import { renderTable } from './table.ts';
import { describeCount } from './words.ts';

export function describeProviders(providers: readonly Provider[], workers: readonly Worker[], colors: Colors): string {
  const places = renderTable(
    providers,
    [
      { title: 'provider', cell: ({ name }) => name },
      { title: 'configured', cell: ({ configured }) => (configured ? colors.green('yes') : 'no') },
      { title: '', cell: (provider) => (provider.default ? 'the default' : (provider.remedy ?? '')) },
    ],
    { colors },
  );
  const machines = workers.map((worker) => `  ${describeWorker(worker, colors)}`);
  return [places, '', colors.dim('machines'), ...(machines.length > 0 ? machines : ['  none'])].join('\n');
}

function describeWorker({ name, provider, slots, busy, waiting, gpus, engines }: Worker, colors: Colors): string {
  const held = gpus.filter(({ held_by }) => held_by !== null).length;
  return [
    colors.bold(name),
    provider,
    slots === 0 ? 'takes no runs' : `${busy.length} of ${describeCount(slots, 'slot')} taken`,
    gpus.length === 0 ? 'no GPU' : `${held} of ${describeCount(gpus.length, 'GPU')} held`,
    ...(waiting.length > 0 ? [`${describeCount(waiting.length, 'run')} wait${waiting.length === 1 ? 's' : ''}`] : []),
    `trains with ${engines.join(', ') || 'nothing'}`,
  ].join('  ');
}
