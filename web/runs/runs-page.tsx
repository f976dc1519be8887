import { routeText } from '../route/route-text.ts';
import { RunList } from './run-list.tsx';

export function RunsPage() {
  return (
    <main class="page filling" id="main" tabIndex={-1}>
      <div class="page-head">
        <h1>Runs</h1>
        <span class="spring" />
        <a class="button primary" href={routeText(['new'])} data-shortcut="n">
          Start a run
        </a>
      </div>
      <RunList project={null} />
    </main>
  );
}
