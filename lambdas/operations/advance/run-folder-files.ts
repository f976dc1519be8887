/** Reading and writing the files of one run's folder. A file that does not parse counts as not there yet: a report is put again soon. */
import type * as z from 'zod';
import type { Run } from '#domain/run.ts';
import {
  CHUNK_ROWS,
  type CheckpointRecord,
  type Claim,
  type Control,
  checkpointRecordSchema,
  claimSchema,
  controlSchema,
  type LogRow,
  logRowSchema,
  type Manifest,
  type MetricRow,
  manifestSchema,
  metricRowSchema,
  type Overview,
  overviewSchema,
  type Progress,
  progressSchema,
  runFolderKeys,
  type SamplesRow,
  samplesRowSchema,
  type Want,
} from '#domain/run-folder.ts';
import type { Ports } from '#ports/ports.ts';

export const inFolder = (run: Pick<Run, 'folder'>, key: string): string => `${run.folder}/${key}`;

/** Null for what is not there, torn or foreign. */
export function parseWith<T>(schema: z.ZodType<T>, text: string | null): T | null {
  if (text === null || text === '') return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null; // torn or foreign: as if it were not there
  }
  const parsed = schema.safeParse(value);
  return parsed.success ? parsed.data : null;
}

export interface AttemptFiles {
  readonly claim: Claim | null;
  readonly progress: Progress | null;
  readonly manifest: Manifest | null;
}

/** What an attempt has said so far. Reports count only under the claim that won. */
export async function readAttempt(ports: Ports, run: Run, attempt: number): Promise<AttemptFiles> {
  const read = (key: string): Promise<string | null> => ports.artifacts.get(inFolder(run, key));
  // The manifest is written last, so it is read first: whatever it names is then there already.
  const manifestText = await read(runFolderKeys.manifest(run.id, attempt));
  const [progressText, claimText] = await Promise.all([
    read(runFolderKeys.progress(run.id, attempt)),
    read(runFolderKeys.claim(run.id, attempt)),
  ]);
  const claim = parseWith(claimSchema, claimText);
  const matches = (report: { runId: string; attempt: number; claimId: string } | null): boolean =>
    report !== null && claim !== null && report.runId === run.id && report.attempt === attempt && report.claimId === claim.claimId;
  const progress = parseWith(progressSchema, progressText);
  const manifest = parseWith(manifestSchema, manifestText);
  return { claim, progress: matches(progress) ? progress : null, manifest: matches(manifest) ? manifest : null };
}

/** Every committed checkpoint of this run, oldest step first; whether its files are whole is not looked at. */
export async function readCheckpoints(ports: Ports, run: Pick<Run, 'id' | 'folder'>): Promise<CheckpointRecord[]> {
  return (await readFolderCheckpoints(ports, run.folder)).filter((record) => record.runId === run.id);
}

/** Likewise, of every run that ever shared the folder. */
export async function readFolderCheckpoints(ports: Ports, folder: string): Promise<CheckpointRecord[]> {
  const prefix = `${folder}/${runFolderKeys.checkpoints()}`;
  const keys = (await ports.artifacts.list(prefix)).filter((key) => /^step-\d{6,}\.json$/.test(key.slice(prefix.length)));
  const records = await Promise.all(keys.map(async (key) => parseWith(checkpointRecordSchema, await ports.artifacts.get(key))));
  return records.filter((record): record is CheckpointRecord => record !== null).sort((a, b) => a.step - b.step);
}

/** A committed checkpoint by its name. */
export const readCheckpoint = async (ports: Ports, run: Run, name: string): Promise<CheckpointRecord | null> =>
  parseWith(checkpointRecordSchema, await ports.artifacts.get(inFolder(run, runFolderKeys.checkpointRecord(name))));

export async function readNewestSamples(ports: Ports, run: Run): Promise<SamplesRow | null> {
  const text = await ports.artifacts.get(inFolder(run, runFolderKeys.artifact(run.id, 'samples.jsonl')));
  const lines = (text ?? '').split('\n').filter((line) => line !== '');
  return parseWith(samplesRowSchema, lines.at(-1) ?? null);
}

/** The end of an attempt's log, for a failure whose trainer could no longer tell. @param logLines as the trainer last counted them */
export async function readLogTail(ports: Ports, run: Run, attempt: number, logLines: number, lines: number): Promise<string[]> {
  const text = await ports.artifacts.get(
    inFolder(run, runFolderKeys.logChunk(run.id, attempt, Math.max(1, Math.ceil(logLines / CHUNK_ROWS)))),
  );
  return parseLogRows(text)
    .flatMap((row) => (row ? [row.message] : []))
    .slice(-lines);
}

/** The rows of a chunk in their places; null for one that cannot be read. @param atMost so many, from the first */
export function parseLogRows(text: string | null, atMost = CHUNK_ROWS): (LogRow | null)[] {
  const lines = (text ?? '').split('\n', atMost);
  return (lines.at(-1) === '' ? lines.slice(0, -1) : lines).map((line) => parseWith(logRowSchema, line));
}

export const parseMetricRows = (text: string | null): MetricRow[] =>
  (text ?? '').split('\n').flatMap((line) => parseWith(metricRowSchema, line) ?? []);

export const parseOverview = (text: string | null): Overview | null => parseWith(overviewSchema, text);

export const readControl = async (ports: Ports, run: Run, attempt: number): Promise<Control | null> =>
  parseWith(controlSchema, await ports.artifacts.get(inFolder(run, runFolderKeys.control(run.id, attempt))));

export async function writeControl(
  ports: Ports,
  run: Run,
  attempt: number,
  { want = run.want, reportSeconds = ports.settings.reportSeconds }: { readonly want?: Want; readonly reportSeconds?: number } = {},
): Promise<void> {
  const control: Control = { schema: 1, version: run.controlVersion, want, checkpointRequest: run.checkpointRequest, reportSeconds };
  await ports.artifacts.put(inFolder(run, runFolderKeys.control(run.id, attempt)), JSON.stringify(control));
}

const VOID_CLAIM = 'void';
export const isVoid = (claim: Claim | null): boolean => claim?.claimId === VOID_CLAIM;

/** The plane claims the attempt itself: whoever starts under it later finds it taken and leaves. False where a trainer was first. */
export async function voidAttempt(ports: Ports, run: Run, attempt: number): Promise<boolean> {
  const claim: Claim = {
    schema: 1,
    runId: run.id,
    attempt,
    claimId: VOID_CLAIM,
    host: 'plane',
    pid: 0,
    machine: null,
    claimedAt: new Date(ports.clock.now()).toISOString(),
  };
  return ports.artifacts.putIfAbsent(inFolder(run, runFolderKeys.claim(run.id, attempt)), JSON.stringify(claim));
}
