/** Runs in the browser: the real row and the real chart, updated again and again, and how long one update takes until its layout is done. */
import { signal } from '@preact/signals';
import { render } from 'preact';
import { Chart } from '../web/charts/chart.tsx';
import type { CurvePoint, RunSummary } from '../web/plane/wire.ts';
import { runIds, takeRuns } from '../web/runs/run-store.ts';
import { RunTable } from '../web/runs/run-table.tsx';
import '../web/style/app.css';

declare global {
  interface Window {
    measureRow: (runs: readonly RunSummary[], updates: number) => Promise<number>;
    measureChart: (lines: number, points: number, updates: number) => Promise<number>;
  }
}

const root = document.createElement('div');
root.className = 'page filling';
document.body.append(root);

/** Preact and uPlot draw in microtasks: two turns later both are done. What is asked of the layout then is what a frame would cost. */
async function settle(): Promise<void> {
  await Promise.resolve();
  await new Promise<void>((resolve) => queueMicrotask(resolve));
  void root.offsetHeight;
}

/** Milliseconds that one report of one run takes, in a list of all of them. */
window.measureRow = async (runs, updates) => {
  takeRuns(runs);
  render(<RunTable ids={runIds.value} order={{ by: 'created', isDescending: true }} label="Runs" />, root);
  await settle();
  const shown = runs.filter(({ id }) => runIds.value.indexOf(id) < 20);
  const began = performance.now();
  for (let update = 1; update <= updates; update++) {
    const run = shown[update % shown.length];
    if (!run?.progress) throw new Error('a run without progress');
    const step = update % (run.progress.steps ?? 1);
    takeRuns([
      { ...run, progress: { ...run.progress, step, fraction: step / 300, metrics: { loss: 1 / update }, seen_at: String(update) } },
    ]);
    await settle();
  }
  const millis = (performance.now() - began) / updates;
  const last = root.querySelector(`[data-run="${shown[updates % shown.length]?.id}"]`)?.textContent ?? '';
  if (!last.includes(`${updates % 300} / 300`)) throw new Error(`the row was not drawn: ${last}`);
  render(null, root);
  return millis;
};

/** Milliseconds that one more point takes, on a chart of so many lines of so many points, raw and smoothed. */
window.measureChart = async (lines, points, updates) => {
  const data = signal(Array.from({ length: lines }, (_, line) => Array.from({ length: points }, (_, step) => pointAt(step, line))));
  const Page = () => (
    <Chart
      name="loss"
      marks={[{ x: points / 2, label: 'lost, attempt 2' }]}
      view={{ axis: 'step', smoothing: 0.6, logX: false, logY: false }}
      syncKey="bench"
      onSelect={() => {}}
      lines={data.value.map((curve, line) => ({
        id: String(line),
        label: `run ${line}`,
        colour: `oklch(0.6 0.15 ${line * 40})`,
        dashes: [],
        points: curve,
        place: (step: number) => step,
      }))}
    />
  );
  render(<Page />, root);
  await settle();
  const began = performance.now();
  for (let update = 0; update < updates; update++) {
    data.value = data.value.map((curve, line) => [...curve.slice(1), pointAt(points + update, line)]);
    await settle();
  }
  const millis = (performance.now() - began) / updates;
  if (root.querySelector('canvas') === null) throw new Error('nothing was drawn');
  render(null, root);
  return millis;
};

function pointAt(step: number, line: number): CurvePoint {
  const mean = 2 * Math.exp(-step / 400) + Math.abs(Math.sin(step * 12.9898 + line)) / 5;
  return { from_step: step, to_step: step, count: 1, min: mean * 0.9, max: mean * 1.1, mean, last: mean };
}
