/** What can be done with a run in its present state; each asks first, and shows its request. */
import { ActionDialog } from '../parts/action-dialog.tsx';
import { openDialog } from '../parts/open-dialog.tsx';
import type { Recipe } from '../plane/recipe.ts';
import type { RunDetail } from '../plane/wire.ts';
import { navigate } from '../route/route.ts';
import { routeText } from '../route/route-text.ts';
import { isFinal } from '../runs/run-facts.ts';
import { forgetRun } from '../runs/run-store.ts';
import type { LiveRun } from './live-run.ts';

const pathOf = (id: string, verb: string): string => `/runs/${encodeURIComponent(id)}/${verb}`;

export function RunActions({ run, detail }: { readonly run: LiveRun; readonly detail: RunDetail }) {
  const { state, want } = detail;
  const canStop = !isFinal(detail) && state !== 'stopping';
  const canPause = state === 'running' && want === 'run';
  const canResume = state === 'paused' && want !== 'run';
  return (
    <span class="actions">
      {canPause && (
        <button type="button" data-shortcut="p" onClick={() => openDialog(<PauseDialog run={run} />)}>
          Pause
        </button>
      )}
      {canResume && (
        <button type="button" class="primary" data-shortcut="u" onClick={() => openDialog(<ResumeDialog run={run} detail={detail} />)}>
          Resume
        </button>
      )}
      {canStop && (
        <button type="button" class="danger" data-shortcut="s" onClick={() => openDialog(<StopDialog run={run} />)}>
          Stop
        </button>
      )}
      <a class="button" href={routeText(['new'], { clone: detail.id })}>
        Clone
      </a>
      {isFinal(detail) && (
        <button type="button" onClick={() => openDialog(<DeleteDialog run={run} />)}>
          Delete
        </button>
      )}
    </span>
  );
}

function StopDialog({ run }: { readonly run: LiveRun }) {
  const recipe = (): Recipe => ({ method: 'POST', path: pathOf(run.id, 'stop'), command: ['stop', '-y', run.id] });
  return (
    <ActionDialog<RunDetail> title="Stop this run?" verb="Stop" isDangerous recipe={recipe} done="stopping" onDone={run.take}>
      <p>It saves a last checkpoint and ends. That cannot be taken back, but a new run can go on from the checkpoint.</p>
    </ActionDialog>
  );
}

function PauseDialog({ run }: { readonly run: LiveRun }) {
  const recipe = (): Recipe => ({ method: 'POST', path: pathOf(run.id, 'pause'), command: ['pause', run.id] });
  return (
    <ActionDialog<RunDetail> title="Pause this run?" verb="Pause" recipe={recipe} done="pausing" onDone={run.take}>
      <p>
        It saves a checkpoint, its process ends, and its slot is free for others. It stays paused until it is resumed, also over a restart.
      </p>
    </ActionDialog>
  );
}

function ResumeDialog({ run, detail }: { readonly run: LiveRun; readonly detail: RunDetail }) {
  const newest = detail.checkpoints.reduce((step, checkpoint) => Math.max(step, checkpoint.step), 0);
  const recipe = (): Recipe => ({ method: 'POST', path: pathOf(run.id, 'resume'), command: ['resume', run.id, '-d'] });
  return (
    <ActionDialog<RunDetail> title="Resume this run?" verb="Resume" recipe={recipe} done="resuming" onDone={run.take}>
      <p>It goes on from its newest checkpoint, step {newest}, when there is room. Until it trains again it reads as paused.</p>
    </ActionDialog>
  );
}

function DeleteDialog({ run }: { readonly run: LiveRun }) {
  const recipe = (): Recipe => ({ method: 'DELETE', path: `/runs/${encodeURIComponent(run.id)}`, command: ['delete', '-y', run.id] });
  return (
    <ActionDialog<null>
      title="Delete this run?"
      verb="Delete"
      isDangerous
      recipe={recipe}
      done="deleted"
      onDone={() => {
        forgetRun(run.id);
        navigate(['runs']);
      }}
    >
      <p>
        Its record, its log, its curves, its checkpoints and its results are gone for good. It is refused where something of it is tagged,
        or another run went on from it.
      </p>
    </ActionDialog>
  );
}
