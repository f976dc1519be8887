import { minute } from '../format/now.ts';
import { showAgo, showMoment } from '../format/times.ts';
import { Shown } from '../parts/blank.tsx';
import { openDialog } from '../parts/open-dialog.tsx';
import { useAnswer } from '../plane/use-answer.ts';
import type { ProjectSummary } from '../plane/wire.ts';
import { navigate } from '../route/route.ts';
import { routeText } from '../route/route-text.ts';
import { ProjectDialog } from './project-dialog.tsx';

export function ProjectsPage() {
  const projects = useAnswer<ProjectSummary[]>('/projects?limit=1000');
  return (
    <main class="page" id="main" tabIndex={-1}>
      <div class="page-head">
        <h1>Projects</h1>
        <span class="spring" />
        <button
          type="button"
          class="primary"
          data-shortcut="n"
          onClick={() => openDialog(<ProjectDialog project={null} onSaved={({ id }) => navigate(['projects', id])} />)}
        >
          New project
        </button>
      </div>
      <Shown value={projects.value.value} problem={projects.problem.value} what="projects">
        {(items) => (
          <table class="plain-table">
            <caption class="unseen">Projects, the newest first</caption>
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Status</th>
                <th scope="col">Owner</th>
                <th scope="col">Created</th>
                <th scope="col">Id</th>
              </tr>
            </thead>
            <tbody>
              {items.map(({ id, name, status, owner, created_at }) => (
                <tr key={id}>
                  <th scope="row">
                    <a href={routeText(['projects', id])}>{name}</a>
                  </th>
                  <td>{status}</td>
                  <td>{owner ?? '–'}</td>
                  <td>
                    <time title={showMoment(created_at)}>{showAgo(created_at, minute.value)}</time>
                  </td>
                  <td>
                    <code>{id}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Shown>
    </main>
  );
}
