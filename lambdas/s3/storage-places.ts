/** Where users' data and runs may lie: prefixes of object storage that the operator has named, the plane's own bucket by default. */
import { isPlainName } from '#domain/object-keys.ts';

/** Where an object is. */
export interface ObjectPlace {
  readonly bucket: string;
  readonly key: string;
}

/** Of a link; it ends earlier where the credentials that signed it do: AmazonS3/latest/userguide/using-presigned-url.html */
export const LINK_SECONDS = 3_600;

export const toUri = ({ bucket, key }: ObjectPlace): string => `s3://${bucket}/${key}`;

export interface StoragePlaces {
  /** `s3://bucket/` or `s3://bucket/prefix/`, for training data and stored base models */
  readonly data: readonly string[];
  /** likewise, for the run folders that users name */
  readonly bases: readonly string[];
}

/** @returns null for what is no s3:// URI of a bucket and plain names; a '/' at the end stays */
export function parseS3Uri(uri: string): ObjectPlace | null {
  const [, bucket = '', path = ''] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/s.exec(uri) ?? [];
  if (bucket === '') return null;
  const names = path.endsWith('/') ? path.slice(0, -1) : path;
  return path === '' || names.split('/').every(isPlainName) ? { bucket, key: path } : null;
}

export const isBelow = (uri: string, prefixes: readonly string[]): boolean => prefixes.some((prefix) => `${uri}/`.startsWith(prefix));
