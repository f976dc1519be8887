/** Keys of the artifacts store: plain names with '/' between. Nothing else gets near a file system or an object store. */

export const isPlainName = (part: string): boolean => part !== '' && part !== '.' && part !== '..' && !/[\0\\]/.test(part);

/** @returns the parts of a key or prefix. @throws Error for one that could leave its place */
export function partsOfKey(key: string): string[] {
  const parts = (key.endsWith('/') ? key.slice(0, -1) : key).split('/');
  if (!parts.every(isPlainName)) throw new Error(`a key is made of plain names with '/' between, got ${JSON.stringify(key)}`);
  return parts;
}

/** @throws Error */
export function checkFileKey(key: string): string {
  if (key.endsWith('/')) throw new Error(`a key of a file does not end in '/', got ${JSON.stringify(key)}`);
  return key;
}

/** @throws Error */
export function checkPrefix(prefix: string): string {
  if (!prefix.endsWith('/')) throw new Error(`a prefix ends in '/', got ${JSON.stringify(prefix)}`);
  return prefix;
}

/** Keys that begin so lie in a bucket of their own: `s3/<bucket>/...`, where users named it as a base. */
export const IN_BUCKETS = 's3';
