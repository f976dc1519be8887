/** An S3-compatible store for a home that is not Amazon's: its clients, and every adapter over them. */
import { S3Client } from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { IN_BUCKETS, partsOfKey } from '#domain/object-keys.ts';
import type { Scope } from './grant-policy.ts';
import { ObjectStore } from './object-store.ts';
import { S3Artifacts } from './s3-artifacts.ts';
import { S3Downloads } from './s3-downloads.ts';
import { S3Inputs } from './s3-inputs.ts';
import { S3SignedObjects } from './s3-signed-objects.ts';
import { isBelow, type ObjectPlace, parseS3Uri, toUri } from './storage-places.ts';
import { StsGrants } from './sts-grants.ts';

export interface StoreSettings {
  /** `s3://bucket` or `s3://bucket/prefix` */
  readonly uri: string;
  readonly region: string;
  /** of a store that is not Amazon's */
  readonly endpoint: string | null;
  /** of its token service, where that is another address */
  readonly tokenEndpoint: string | null;
  /** null: where the SDK finds them (profile, machine's role) */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string } | null;
  /** role that is taken for a machine's credentials; null: a federated user */
  readonly grantRole: string | null;
}

/** @throws Error for a URI that is none */
export function openStore({ uri, region, endpoint, tokenEndpoint, credentials, grantRole }: StoreSettings) {
  const home = parseS3Uri(uri.replace(/\/+$/, ''));
  if (home === null) throw new Error(`must be s3://bucket/prefix of plain names, got '${uri}'`);
  const options = { region, ...(credentials && { credentials }) };
  const s3 = new S3Client({ ...options, ...(endpoint !== null && { endpoint, forcePathStyle: true }) });
  const sts = new STSClient({ ...options, ...(tokenEndpoint !== null && { endpoint: tokenEndpoint }) });
  const store = new ObjectStore(s3);
  const places = { data: [`s3://${home.bucket}/`], bases: [`s3://${home.bucket}/`] };
  const artifacts = new S3Artifacts({ store, bucket: home.bucket, places });
  const place = (key: string): ObjectPlace => artifacts.place(key);
  const contents = { bucket: home.bucket, prefix: home.key === '' ? '' : `${home.key}/` };
  /** Keys of the artifacts store that lie here: `s3/<bucket>/...`. */
  const holds = (key: string): boolean => {
    const [first, bucket] = partsOfKey(key);
    return first === IN_BUCKETS && bucket === home.bucket;
  };
  const runsBase = [IN_BUCKETS, home.bucket, home.key, 'runs'].filter((part) => part !== '').join('/');
  const grants = new StsGrants({ sts, roleArn: grantRole, region, endpoint, place: (key) => (holds(key) ? place(key) : null) });
  return {
    store,
    home,
    artifacts,
    downloads: new S3Downloads({ store, place }),
    inputs: new S3Inputs({ store, contents, places }),
    signedObjects: new S3SignedObjects({ store, place }),
    grants,
    holds,
    /** the key below which new runs lie */
    runsBase,
    /** whether a URI lies in this store, where machines may be let in */
    reaches: (location: string): boolean => isBelow(location, places.data),
    /** Is the bucket there, may it be written, and can an hour of it be given away? @returns a sentence. @throws Error with one */
    check: () => checkStore(store, sts, () => grants.for({ ...PROBE, folder: `${runsBase}/${PROBE.id}/framework=hf` }, 1), home, grantRole),
    close: (): void => {
      s3.destroy();
      sts.destroy();
    },
  };
}
export type OpenStore = ReturnType<typeof openStore>;

async function checkStore(
  store: ObjectStore,
  sts: STSClient,
  grant: () => Promise<unknown>,
  home: ObjectPlace,
  role: string | null,
): Promise<string> {
  const probe = { bucket: home.bucket, key: `${home.key === '' ? '' : `${home.key}/`}doctor/probe.json` };
  try {
    await store.put(probe, '{}');
    await store.remove(probe);
  } catch (error) {
    throw new Error(`${toUri(probe)} cannot be written: ${sentenceOf(error)}`, { cause: error });
  }
  try {
    await grant();
  } catch (error) {
    const who = await sts.send(new GetCallerIdentityCommand({})).then(
      ({ Arn }) => ` (as ${Arn})`,
      () => '',
    );
    const how =
      role === null ? 'set TUNEPLANE_GRANT_ROLE to a role that these credentials may take' : `may these credentials take ${role}?`;
    throw new Error(`no credentials for an hour can be given to a machine${who}: ${sentenceOf(error)}; ${how}`, { cause: error });
  }
  return `${toUri(home)} can be written, and machines can be given an hour of it`;
}

/** A run that is not there: what a grant looks at. */
const PROBE: Scope = {
  id: 'run_00000000000000000000000000',
  training: { dataset: { kind: 'hub', id: 'none', commit: null }, baseModel: { kind: 'tiny-llama' } },
  hypernetwork: null,
  resumedFrom: null,
};

const sentenceOf = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));
