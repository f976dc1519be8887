/** The curves of a run, grouped; they move while it trains. */

import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { axisPlace, stepAt } from '../charts/curve-axis.ts';
import { CurveControls, readView } from '../charts/curve-controls.tsx';
import { openCurves } from '../charts/curve-store.ts';
import { CurveWall, type WallCurve } from '../charts/curve-wall.tsx';
import { Empty, Loading } from '../parts/blank.tsx';
import { Problem } from '../parts/problem.tsx';
import { ScrollBox } from '../parts/scroll-box.tsx';
import type { RunDetail } from '../plane/wire.ts';
import { route } from '../route/route.ts';
import { colourOf } from '../runs/run-colour.ts';
import { isFinal, nameOf } from '../runs/run-facts.ts';
import { shownTheme } from '../theme/theme.ts';
import { resumeMarks } from './lifecycle.ts';
import type { LiveRun } from './live-run.ts';

export function CurvesPart({ run, detail }: { readonly run: LiveRun; readonly detail: RunDetail }) {
  const stretch = useSignal<readonly [number, number] | null>(null);
  const store = useMemo(
    () =>
      openCurves({
        runId: run.id,
        isLive: () => !isFinal(run.detail.peek() ?? { state: 'running' }),
        hasBell: () => run.hasBell.peek(),
        stretch: () => stretch.peek(),
      }),
    [run],
  );
  useEffect(() => store.stop, [store]);

  // Another attempt trains steps again; a run that ended has written its last ones.
  const isOver = isFinal(detail);
  const seen = useRef({ attempts: detail.attempts.length, isOver });
  useEffect(() => {
    const before = seen.current;
    seen.current = { attempts: detail.attempts.length, isOver };
    if (before.attempts !== detail.attempts.length || before.isOver !== isOver) store.reload();
  }, [detail.attempts.length, isOver]);
  useSignalEffect(() => {
    if (run.rings.value > 0) store.hurry();
  });
  const isFirstStretch = useRef(true);
  useSignalEffect(() => {
    void stretch.value;
    if (!isFirstStretch.current) store.reload();
    isFirstStretch.current = false;
  });

  const view = useComputed(() => readView(route.value.query));
  const curves = store.curves.value;
  if (curves === null) return store.problem.value ? <Problem problem={store.problem.value} /> : <Loading what="curves" />;
  if (curves.size === 0) {
    return (
      <Empty title="No curves yet">
        <p class="muted">{isOver ? 'It ended before its first step.' : 'They begin with the first step, and move by themselves.'}</p>
      </Empty>
    );
  }
  const place = axisPlace(view.value.axis, { axes: store.axes.value, tokens: curves.get('tokens') ?? [], attempts: detail.attempts });
  const lastStep = Math.max(...[...curves.values()].map((points) => points.at(-1)?.to_step ?? 0));
  const wall: WallCurve[] = [{ id: run.id, label: nameOf(detail), colour: colourOf(run.id, shownTheme.value), dashes: [], curves, place }];
  return (
    <ScrollBox class="curves" label="Curves">
      <CurveControls
        view={view.value}
        names={[...curves.keys()]}
        hasTimes={store.axes.value.timestamp.length > 0}
        zoom={{
          stretch: stretch.value,
          onWhole: () => {
            stretch.value = null;
          },
        }}
        filter={route.value.query['metric'] ?? ''}
      />
      <Problem problem={store.problem.value} />
      <CurveWall
        wall={wall}
        view={view.value}
        filter={route.value.query['metric'] ?? ''}
        marks={resumeMarks(detail.attempts).map(({ step, label }) => ({ x: place(step) ?? Number.NaN, label }))}
        onSelect={(from, to) => {
          const steps = [stepAt(from, place, lastStep), stepAt(to, place, lastStep)] as const;
          if (steps[1] > steps[0]) stretch.value = steps;
        }}
      />
    </ScrollBox>
  );
}
