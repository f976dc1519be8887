import { EXIT } from './exit-code.ts';
import type { PlaneClient } from './plane/plane-client.ts';
import { collectGarbage } from './plane/runs.ts';
import type { Session } from './session.ts';
import { describeCount } from './text/words.ts';

const DAY_SECONDS = 86_400;

interface Collection {
  readonly olderThanSeconds: number;
  readonly isDryRun: boolean;
  readonly isSure: boolean;
}

/** `gc`: looked at first and asked about, where somebody is there to ask; then page by page, the newest first. */
export async function collectOldRuns(session: Session, { olderThanSeconds, isDryRun, isSure }: Collection): Promise<void> {
  const plane = await session.plane();
  const days = olderThanSeconds / DAY_SECONDS;
  if (!isDryRun && !isSure) {
    const { deleted } = await collect(plane, days, true);
    if (deleted.length > 0 && !(await session.confirm(`Delete ${describeCount(deleted.length, 'run')}, and all that was stored?`, 'no'))) {
      session.note('nothing was done');
      session.exitCode = EXIT.failed;
      return;
    }
  }
  const report = await collect(plane, days, isDryRun);
  session.print('gc', { ...report, dry_run: isDryRun }, (colors) =>
    [
      ...report.deleted.map((id) => `${id}  ${isDryRun ? 'would be deleted' : 'deleted'}`),
      ...report.kept.map(({ id, reason }) => colors.dim(`${id}  ${reason}`)),
      `${describeCount(report.deleted.length, 'run')} ${isDryRun ? 'would be deleted' : 'deleted'}, ${report.kept.length} old enough and kept`,
    ].join('\n'),
  );
}

interface Report {
  readonly deleted: string[];
  readonly kept: { id: string; reason: string }[];
}

async function collect(plane: PlaneClient, days: number, isDryRun: boolean): Promise<Report> {
  const report: Report = { deleted: [], kept: [] };
  for (let after: string | null | undefined; after !== null; ) {
    const page = await collectGarbage(plane, { older_than_days: days, dry_run: isDryRun, ...(after !== undefined && { after }) });
    report.deleted.push(...page.deleted);
    report.kept.push(...page.kept);
    after = page.next;
  }
  return report;
}
