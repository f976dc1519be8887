/**
 * What one attempt may do in the store, as a session policy: read and write its own files and the run's checkpoints, logs, metrics and
 * artifacts; read its data, a base that is stored, the hypernetwork that makes its adapter, and the checkpoint of another run that it goes
 * on from. Bases and hypernetworks are named by their folder, so their trainer lists them too. A session policy grants nothing by itself: it
 * is cut out of what the plane's own credentials, or the role, may do.
 *
 * A policy may have 2,048 characters (docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html, "Policy"). Where data are many
 * files, their folders stand in their place.
 */
import type { Run } from '#domain/run.ts';
import { attemptName } from '#domain/run-folder.ts';
import type { ObjectPlace } from './storage-places.ts';
import { parseS3Uri } from './storage-places.ts';

const MAX_CHARACTERS = 2_048;

/** What a grant looks at of a run. */
export type Scope = Pick<Run, 'id' | 'resumedFrom' | 'hypernetwork'> & {
  readonly training: Pick<Run['training'], 'dataset' | 'baseModel'>;
};

/**
 * @param folder where the run folder lies; its key does not end in '/'
 * @returns the policy as JSON. @throws Error where even folders are too many
 */
export function grantPolicy(run: Scope, attempt: number, folder: ObjectPlace): string {
  const name = attemptName(run.id, attempt);
  const own = ['attempts', 'checkpoints', 'logs', 'metrics', 'artifacts'].map((kind) =>
    arnOf({ ...folder, key: `${folder.key}/${kind}/${scopeOf(kind, run.id, name)}` }),
  );
  const reads = readPlaces(run);
  const lists = [{ ...folder, key: `${folder.key}/*` }, ...wholeFolders(run)];
  const policy = toPolicy(own, reads.map(arnOf), lists);
  if (policy.length <= MAX_CHARACTERS) return policy;
  const folders = [...new Set(reads.map((place) => arnOf({ ...place, key: `${place.key.slice(0, place.key.lastIndexOf('/') + 1)}*` })))];
  const shorter = toPolicy(own, folders, lists);
  if (shorter.length > MAX_CHARACTERS)
    throw new Error(`the data of run ${run.id} lie in ${folders.length} folders: too many for one grant`);
  return shorter;
}

/** Checkpoints are the run folder's: an attempt goes on from those of the one before. All else bears the run's or the attempt's name. */
function scopeOf(kind: string, runId: string, name: string): string {
  switch (kind) {
    case 'checkpoints':
      return '*';
    case 'artifacts':
      return `${runId}/*`;
    case 'metrics':
      return `${runId}-*`;
    case 'logs':
      return `${name}-*`;
    default:
      return `${name}/*`;
  }
}

function readPlaces(run: Scope): ObjectPlace[] {
  const { training, resumedFrom } = run;
  const files = training.dataset.kind === 'files' ? training.dataset.files.map(({ location }) => location) : [];
  const origin = resumedFrom ? [`${resumedFrom.folder}/*`, `${parentOf(resumedFrom.folder)}/${resumedFrom.checkpoint}.json`] : [];
  return [...files.flatMap((uri) => parseS3Uri(uri) ?? []), ...wholeFolders(run), ...origin.flatMap((uri) => parseS3Uri(uri) ?? [])];
}

/** What is named by its folder alone, whose files the trainer finds by listing it: the base, and the hypernetwork. */
function wholeFolders({ training, hypernetwork }: Scope): ObjectPlace[] {
  const makers = hypernetwork?.kind === 'run' ? [hypernetwork.folder] : [];
  return [...storedFolders(training.baseModel), ...makers].flatMap((folder) => parseS3Uri(`${folder.replace(/\/$/, '')}/*`) ?? []);
}

function storedFolders(base: Run['training']['baseModel']): string[] {
  if (base.kind === 'path') return [base.path];
  if (base.kind !== 'made') return [];
  return [base.folder, ...(base.base === null ? [] : storedFolders(base.base))];
}

const parentOf = (uri: string): string => uri.slice(0, uri.lastIndexOf('/'));

function toPolicy(own: readonly string[], reads: readonly string[], lists: readonly ObjectPlace[]): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload'], Resource: own },
      ...(reads.length === 0 ? [] : [{ Effect: 'Allow', Action: 's3:GetObject', Resource: reads }]),
      ...[...Map.groupBy(lists, ({ bucket }) => bucket)].map(([bucket, places]) => ({
        Effect: 'Allow',
        Action: 's3:ListBucket',
        Resource: `arn:aws:s3:::${bucket}`,
        Condition: { StringLike: { 's3:prefix': places.map(({ key }) => key) } },
      })),
    ],
  });
}

const arnOf = ({ bucket, key }: ObjectPlace): string => `arn:aws:s3:::${bucket}/${key}`;
