import { second } from '../format/now.ts';
import { showCount, showNumber, showPercent } from '../format/numbers.ts';
import { showDuration, showMoment } from '../format/times.ts';
import { CopyButton } from '../parts/copy.tsx';
import { ProgressBar } from '../parts/progress-bar.tsx';
import { StateBadge } from '../parts/state-badge.tsx';
import type { RunDetail } from '../plane/wire.ts';
import { routeText } from '../route/route-text.ts';
import { costOf, prices, showDollars } from '../runs/prices.ts';
import { queuePlaces } from '../runs/queue.ts';
import { colourOf } from '../runs/run-colour.ts';
import { isFinal, machineSeconds, metricOf } from '../runs/run-facts.ts';
import { shownTheme } from '../theme/theme.ts';
import type { LiveRun } from './live-run.ts';
import { RunActions } from './run-actions.tsx';

export function RunHeader({ run, detail }: { readonly run: LiveRun; readonly detail: RunDetail }) {
  return (
    <header class="run-head">
      <div class="run-title">
        <span class="swatch large" style={{ background: colourOf(detail.id, shownTheme.value) }} aria-hidden="true" />
        <h1>{detail.name ?? detail.id}</h1>
        <StateBadge state={detail.state} />
        {wantWord(detail) && <span class="muted">{wantWord(detail)}</span>}
        <span class="spring" />
        <RunActions run={run} detail={detail} />
      </div>
      <p class="run-origin muted">
        {detail.name !== null && <code>{detail.id}</code>}
        <CopyButton text={detail.id} what="id" label="Copy id" />
        <span>
          {detail.base_model} on {detail.dataset}
        </span>
        <span>
          {detail.method} · {detail.peft_method}
        </span>
        <span>through {detail.api}</span>
        <span>on {detail.provider}</span>
        <a href={routeText(['projects', detail.project_id])}>{detail.project_id}</a>
        <time dateTime={detail.created_at}>{showMoment(detail.created_at)}</time>
      </p>
      <Figures detail={detail} />
    </header>
  );
}

/** What it was asked to do and has not done yet. */
function wantWord({ state, want }: RunDetail): string | null {
  if (want === 'pause' && state === 'running') return 'pausing: it saves a checkpoint first';
  if (state === 'stopping') return 'it saves a last checkpoint first';
  return null;
}

function Figures({ detail }: { readonly detail: RunDetail }) {
  const { progress } = detail;
  const now = detail.attempt_since === null ? 0 : second.value;
  const seconds = machineSeconds(detail, now);
  const place = queuePlaces.value.get(detail.id);
  const price = prices.value[detail.provider];
  return (
    <dl class="figures">
      <div class="wide">
        <dt>Progress</dt>
        <dd>
          {progress === null ? (
            <span class="muted">{place === undefined ? 'not started' : `place ${showCount(place)} in the line`}</span>
          ) : (
            <>
              <ProgressBar fraction={progress.fraction} label="Progress" />
              {showPercent(progress.fraction)}
              <span class="muted">
                {` step ${showCount(progress.step)}${progress.steps === null ? '' : ` of ${showCount(progress.steps)}`}`}
                {!isFinal(detail) && progress.phase !== 'training' && `, ${progress.phase_detail ?? progress.phase}`}
              </span>
            </>
          )}
        </dd>
      </div>
      <Figure term="ETA">{isFinal(detail) ? '–' : showDuration(progress?.eta_seconds)}</Figure>
      <Figure term="Loss">{showNumber(metricOf(detail, 'loss'))}</Figure>
      <Figure term="Eval loss">{showNumber(metricOf(detail, 'eval_loss') ?? detail.result?.metrics['eval_loss'])}</Figure>
      <Figure term="Speed">
        {showNumber(metricOf(detail, 'tokens_per_second'))} <span class="muted">tokens/s</span>
      </Figure>
      <Figure term="Epoch">{showNumber(progress?.epoch)}</Figure>
      <Figure term="Machine time">{showDuration(seconds)}</Figure>
      <Figure term="Cost so far">
        {price === undefined ? (
          <a href={routeText(['machines'])} title={`no price is known for ${detail.provider}`}>
            set a price
          </a>
        ) : (
          showDollars(costOf(detail.provider, seconds, prices.value))
        )}
      </Figure>
    </dl>
  );
}

function Figure({ term, children }: { readonly term: string; readonly children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>{children}</dd>
    </div>
  );
}
