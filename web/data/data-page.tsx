/** What runs are trained on, where it is stored here: data sets, sessions, trajectories. */
import { route } from '../route/route.ts';
import { routeText } from '../route/route-text.ts';
import { DatasetsPart } from './datasets-part.tsx';
import { SessionsPart } from './sessions-part.tsx';
import { TrajectoriesPart } from './trajectories-part.tsx';

const PARTS = [
  { name: 'datasets', label: 'Data sets', Part: DatasetsPart },
  { name: 'sessions', label: 'Sessions', Part: SessionsPart },
  { name: 'trajectories', label: 'Trajectories', Part: TrajectoriesPart },
] as const;

export function DataPage() {
  const [, name = 'datasets', chosen] = route.value.path;
  const { Part } = PARTS.find((part) => part.name === name) ?? PARTS[0];
  return (
    <main class="page" id="main" tabIndex={-1}>
      <div class="page-head">
        <h1>Data</h1>
      </div>
      <nav class="parts" aria-label="Kinds of data">
        {PARTS.map((part) => (
          <a key={part.name} href={routeText(['data', part.name])} aria-current={part.name === name ? 'page' : undefined}>
            {part.label}
          </a>
        ))}
      </nav>
      <Part key={name} chosen={chosen ?? null} />
    </main>
  );
}
