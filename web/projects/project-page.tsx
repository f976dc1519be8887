/** One project: what it is for, what it defaults to, how it was edited, and its runs. */
import { showCount } from '../format/numbers.ts';
import { showMoment } from '../format/times.ts';
import { showValue } from '../format/values.ts';
import { Shown } from '../parts/blank.tsx';
import { openDialog } from '../parts/open-dialog.tsx';
import { useAnswer } from '../plane/use-answer.ts';
import type { Project } from '../plane/wire.ts';
import { routeText } from '../route/route-text.ts';
import { RunList } from '../runs/run-list.tsx';
import { ProjectDialog } from './project-dialog.tsx';

export function ProjectPage({ id }: { readonly id: string }) {
  const project = useAnswer<Project>(`/projects/${encodeURIComponent(id)}`);
  return (
    <main class="page filling" id="main" tabIndex={-1}>
      <Shown value={project.value.value} problem={project.problem.value} what="the project">
        {(value) => (
          <>
            <div class="page-head">
              <h1>{value.name}</h1>
              <span class="muted">{value.status}</span>
              <span class="spring" />
              <button type="button" onClick={() => openDialog(<ProjectDialog project={value} onSaved={project.refresh} />)}>
                Edit
              </button>
              <a class="button primary" href={routeText(['new'], { project: id })} data-shortcut="n">
                Start a run
              </a>
            </div>
            <ProjectFacts project={value} />
            <RunList project={id} />
          </>
        )}
      </Shown>
    </main>
  );
}

function ProjectFacts({ project }: { readonly project: Project }) {
  const { id, objective, description, base_model, owner, tags, run_counts, default_hyperparameters, history } = project;
  const counts = Object.entries(run_counts).filter(([, count]) => count > 0);
  const defaults = Object.entries(default_hyperparameters);
  return (
    <div class="project-facts">
      {(objective ?? description) && <p>{[objective, description].filter((text) => text !== null).join(' · ')}</p>}
      <p class="muted facts-line">
        <code>{id}</code>
        <span>base: {base_model ?? 'none'}</span>
        <span>owner: {owner ?? 'none'}</span>
        {tags.length > 0 && <span>tags: {tags.join(', ')}</span>}
        {counts.map(([status, count]) => (
          <span key={status}>
            {showCount(count)} {status}
          </span>
        ))}
        {defaults.length > 0 && <span>defaults: {defaults.map(([name, value]) => `${name} = ${showValue(value)}`).join(', ')}</span>}
      </p>
      {history.length > 0 && (
        <details>
          <summary>{history.length === 1 ? 'edited once' : `edited ${history.length} times`}</summary>
          <ul class="history">
            {history.map(({ edited_at, changes }) => (
              <li key={edited_at}>
                <time class="muted">{showMoment(edited_at)}</time>{' '}
                {changes.map(({ field, from, to }) => `${field}: ${showValue(from)} became ${showValue(to)}`).join('; ')}
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}
