/**
 * One-hour credentials for one attempt, by the store's own security token service. With a role: AssumeRole, which Amazon and MinIO know
 * (MinIO takes any role). Without: GetFederationToken, which Amazon gives to a user with long-lived keys.
 * Source: docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_request.html
 */
import { AssumeRoleCommand, type Credentials, GetFederationTokenCommand, type STSClient } from '@aws-sdk/client-sts';
import type { Run } from '#domain/run.ts';
import { attemptName } from '#domain/run-folder.ts';
import type { StorageGrant, StorageGrants } from '#ports/secrets.ts';
import { grantPolicy, type Scope } from './grant-policy.ts';
import type { ObjectPlace } from './storage-places.ts';

const LIFE_SECONDS = 3_600;
/** Of a federated user; the name of a run without its prefix has 26. */
const MAX_FEDERATED_NAME = 32;

export interface StsGrantsOptions {
  readonly sts: STSClient;
  /** null: no role, a federated user */
  readonly roleArn: string | null;
  readonly region: string;
  /** of a store that is not Amazon's, as machines reach it */
  readonly endpoint: string | null;
  /** where a run folder lies; null where it is a path */
  readonly place: (key: string) => ObjectPlace | null;
}

export class StsGrants implements StorageGrants {
  readonly #options: StsGrantsOptions;

  constructor(options: StsGrantsOptions) {
    this.#options = options;
  }

  async for(run: Scope & Pick<Run, 'folder'>, attempt: number): Promise<StorageGrant | null> {
    const { region, endpoint, place } = this.#options;
    const folder = place(run.folder);
    if (folder === null) return null;
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = await this.#ask(run.id, attempt, grantPolicy(run, attempt, folder));
    if (!AccessKeyId || !SecretAccessKey || !SessionToken || !Expiration) throw new Error('the token service gave no whole credentials');
    return {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
      expiresAt: Expiration.toISOString(),
      region,
      endpoint,
    };
  }

  async #ask(runId: string, attempt: number, Policy: string): Promise<Partial<Credentials>> {
    const { sts, roleArn: RoleArn } = this.#options;
    if (RoleArn === null) {
      const Name = `tp-${runId.slice(runId.indexOf('_') + 1)}`.slice(0, MAX_FEDERATED_NAME);
      return (await sts.send(new GetFederationTokenCommand({ Name, Policy, DurationSeconds: LIFE_SECONDS }))).Credentials ?? {};
    }
    const RoleSessionName = attemptName(runId, attempt);
    return (await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName, Policy, DurationSeconds: LIFE_SECONDS }))).Credentials ?? {};
  }
}
