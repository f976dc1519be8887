/**
 * One S3-compatible store in a few verbs. The client is given: AWS, or whatever speaks its protocol.
 *
 * Every put carries a SHA-256 that the store checks and keeps, so that a file is verified later by its attributes, without its bytes.
 * Whoever reads needs s3:ListBucket: without it S3 says 403, not 404, of a key that is not there
 * (docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, "Permissions").
 */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  NoSuchBucket,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { LINK_SECONDS, type ObjectPlace } from './storage-places.ts';

export interface ObjectFacts {
  readonly sizeBytes: number;
  /** lower-case hex; null where the store has none for the whole object */
  readonly sha256: string | null;
  readonly etag: string;
  /** null in a bucket without versions */
  readonly versionId: string | null;
}

/** Signed as headers, which the client has to send: S3 refuses other bytes, and another number of them. */
const BOUND_HEADERS = new Set(['x-amz-checksum-sha256', 'content-length']);
export interface StoredBytes {
  readonly body: Readable;
  readonly sizeBytes: number;
  /** lower-case hex */
  readonly sha256: string;
}

/** S3 answers 409 while another write to the same key is under way; "you can retry": API_PutObject.html, If-None-Match. */
const CONFLICT_TRIES = 5;
/** DeleteObjects takes so many. */
const DELETED_AT_ONCE = 1_000;
const DELETE_TRIES = 3;

export class ObjectStore {
  readonly client: S3Client;

  constructor(client: S3Client) {
    this.client = client;
  }

  async put({ bucket, key }: ObjectPlace, content: string): Promise<void> {
    await this.client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: Buffer.from(content), ChecksumAlgorithm: 'SHA256' }));
  }

  /** A file whose hash is known: the store refuses other bytes. One put, so at most 5 GB (docs: API_PutObject.html). */
  async putFile({ bucket, key }: ObjectPlace, { body, sizeBytes, sha256 }: StoredBytes): Promise<void> {
    const ChecksumSHA256 = Buffer.from(sha256, 'hex').toString('base64');
    await this.client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ContentLength: sizeBytes, ChecksumSHA256 }));
  }

  /** False where the key was there already. */
  async putIfAbsent(place: ObjectPlace, content: string): Promise<boolean> {
    const { bucket: Bucket, key: Key } = place;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.client.send(
          new PutObjectCommand({ Bucket, Key, Body: Buffer.from(content), IfNoneMatch: '*', ChecksumAlgorithm: 'SHA256' }),
        );
        return true;
      } catch (error) {
        if (hasStatus(error, 412)) return (error.$metadata.attempts ?? 1) > 1 && (await this.get(place)) === content;
        if (!hasStatus(error, 409) || attempt === CONFLICT_TRIES) throw error;
      }
    }
  }

  /** Null where nothing is there. */
  async get({ bucket, key }: ObjectPlace): Promise<string | null> {
    try {
      const { Body } = await this.client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      return (await Body?.transformToString('utf-8')) ?? '';
    } catch (error) {
      if (isAbsent(error)) return null;
      throw error;
    }
  }

  /** The first bytes; null where nothing is there. */
  async getStart(place: ObjectPlace, maxBytes: number): Promise<{ start: Buffer; sizeBytes: number } | null> {
    const facts = await this.look(place);
    if (facts === null || maxBytes === 0 || facts.sizeBytes === 0) return facts && { start: Buffer.alloc(0), sizeBytes: facts.sizeBytes };
    const { bucket: Bucket, key: Key } = place;
    const { Body } = await this.client.send(new GetObjectCommand({ Bucket, Key, Range: `bytes=0-${maxBytes - 1}`, IfMatch: facts.etag }));
    return { start: Buffer.from((await Body?.transformToByteArray()) ?? []), sizeBytes: facts.sizeBytes };
  }

  /** Null where nothing is there. */
  async look({ bucket, key }: ObjectPlace): Promise<ObjectFacts | null> {
    try {
      const head = await this.client.send(new HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: 'ENABLED' }));
      return {
        sizeBytes: head.ContentLength ?? 0,
        sha256: wholeSha256(head.ChecksumSHA256),
        etag: head.ETag ?? '',
        versionId: head.VersionId ?? null,
      };
    } catch (error) {
      if (isAbsent(error)) return null;
      throw error;
    }
  }

  /** Reads every byte: for what was put by others, without a SHA-256. @throws where it changed since its facts were read (412) */
  async hash({ bucket, key }: ObjectPlace, { etag }: Pick<ObjectFacts, 'etag'>): Promise<string> {
    const { Body } = await this.client.send(new GetObjectCommand({ Bucket: bucket, Key: key, ...(etag !== '' && { IfMatch: etag }) }));
    const sum = createHash('sha256');
    for await (const chunk of Body as Readable) sum.update(chunk);
    return sum.digest('hex');
  }

  /** A link that fetches one version of an object, as a download under its own name. */
  async signGet({ bucket, key }: ObjectPlace, { versionId }: Pick<ObjectFacts, 'versionId'>): Promise<string> {
    const name = key.slice(key.lastIndexOf('/') + 1).replace(/["\\]/g, '_');
    const command = new GetObjectCommand({
      Bucket: bucket,
      Key: key,
      ...(versionId !== null && { VersionId: versionId }),
      ResponseContentDisposition: `attachment; filename="${name}"`,
    });
    return getSignedUrl(this.client, command, { expiresIn: LINK_SECONDS });
  }

  /**
   * A link that takes exactly so many bytes of exactly this hash: S3 checks them before it keeps them (API_PutObject.html,
   * x-amz-checksum-sha256).
   */
  async signPut(
    { bucket, key }: ObjectPlace,
    sha256: string,
    sizeBytes: number,
  ): Promise<{ url: string; headers: Record<string, string> }> {
    const checksum = Buffer.from(sha256, 'hex').toString('base64');
    const command = new PutObjectCommand({ Bucket: bucket, Key: key, ChecksumSHA256: checksum, ContentLength: sizeBytes });
    const signableHeaders = new Set(['host', ...BOUND_HEADERS]);
    const url = await getSignedUrl(this.client, command, { expiresIn: LINK_SECONDS, unhoistableHeaders: BOUND_HEADERS, signableHeaders });
    return { url, headers: { 'x-amz-checksum-sha256': checksum, 'content-length': String(sizeBytes) } };
  }

  /** Keys below a prefix. @param depth `all`, or only those without a further '/' */
  async list({ bucket, key }: ObjectPlace, depth: 'all' | 'here' = 'all'): Promise<string[]> {
    const keys: string[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await this.client.send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: key, ContinuationToken, ...(depth === 'here' && { Delimiter: '/' }) }),
      );
      for (const object of page.Contents ?? []) if (object.Key !== undefined) keys.push(object.Key);
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    return keys;
  }

  /** Whether anything is below a prefix. */
  async isFolder({ bucket, key }: ObjectPlace): Promise<boolean> {
    const { KeyCount } = await this.client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: key, MaxKeys: 1 }));
    return (KeyCount ?? 0) > 0;
  }

  async remove({ bucket, key }: ObjectPlace): Promise<void> {
    await this.client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
  }

  /** Some of the keys may stay in an answer that is no error (API_DeleteObjects.html, "Errors"): they are asked for again. */
  async removeAll(bucket: string, keys: readonly string[]): Promise<void> {
    for (let start = 0; start < keys.length; start += DELETED_AT_ONCE) {
      let left = keys.slice(start, start + DELETED_AT_ONCE);
      for (let attempt = 1; left.length > 0; attempt++) {
        const Objects = left.map((Key) => ({ Key }));
        const { Errors = [] } = await this.client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }));
        const [first] = Errors;
        if (first && attempt === DELETE_TRIES)
          throw new Error(`s3://${bucket}/${first.Key} was not removed: ${first.Code} ${first.Message}`);
        left = Errors.flatMap(({ Key }) => Key ?? []);
      }
    }
  }

  /** Without the bytes passing through here; of one object at most 5 GB (docs: API_CopyObject.html). */
  async copy(from: ObjectPlace, to: ObjectPlace): Promise<void> {
    const CopySource = `${from.bucket}/${from.key.split('/').map(encodeURIComponent).join('/')}`;
    await this.client.send(new CopyObjectCommand({ Bucket: to.bucket, Key: to.key, CopySource }));
  }
}

/** A checksum of parts ends in `-<parts>` and says nothing of the whole. */
function wholeSha256(base64: string | undefined): string | null {
  return base64 === undefined || base64.includes('-') ? null : Buffer.from(base64, 'base64').toString('hex');
}

function hasStatus(error: unknown, status: number): error is S3ServiceException {
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === status;
}

const isAbsent = (error: unknown): boolean => hasStatus(error, 404) && !(error instanceof NoSuchBucket) && error.name !== 'NoSuchBucket';
