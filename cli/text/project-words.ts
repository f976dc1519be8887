/** Projects as people read them. */
import type { Project, ProjectSummary } from '../plane/projects.ts';
import type { Colors } from '../session.ts';
import { wordOf } from './run-words.ts';
import { renderFacts, renderTable } from './table.ts';
import { describeAge } from './words.ts';

export const describeProjects = (projects: readonly ProjectSummary[], colors: Colors, terminalColumns: number | undefined): string =>
  renderTable(
    projects,
    [
      { title: 'project', cell: ({ id }) => id },
      { title: 'status', cell: ({ status }) => status },
      { title: 'age', isNumber: true, cell: ({ created_at }) => describeAge(created_at, Date.now()) },
      { title: 'owner', cell: ({ owner }) => owner ?? '' },
      { title: 'name', cell: ({ name }) => name },
    ],
    { colors, terminalColumns },
  );

const SHOWN_RUNS = 20;

export function describeProject(project: Project, colors: Colors, terminalColumns: number | undefined): string {
  const counts = Object.entries(project.run_counts).flatMap(([status, count]) => (count > 0 ? [`${count} ${status}`] : []));
  const defaults = Object.entries(project.default_hyperparameters).map(([name, value]) => `${name}=${wordOf(value)}`);
  const facts = renderFacts(
    [
      ['name', project.name],
      ['status', project.status],
      ['base', project.base_model],
      ['owner', project.owner],
      ['about', project.description],
      ['objective', project.objective],
      ['defaults', defaults.join('  ')],
      ['tags', project.tags.join(', ')],
      ['runs', counts.join(', ') || 'none'],
    ],
    colors,
  );
  const runs = renderTable(
    project.runs.slice(0, SHOWN_RUNS),
    [
      { title: 'run', cell: ({ id }) => id },
      { title: 'status', cell: ({ status }) => status },
      { title: 'done', isNumber: true, cell: ({ progress }) => `${Math.floor(progress * 100)}%` },
      { title: 'name', cell: ({ name, id }) => (name === id ? '' : name) },
    ],
    { colors, terminalColumns },
  );
  return [colors.bold(project.id), facts, ...(project.runs.length > 0 ? ['', runs] : [])].join('\n');
}
