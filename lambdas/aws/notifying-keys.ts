/** Keys of objects whose puts are news: what buckets are to notify of. */
export const NOTIFYING_SUFFIXES = ['/progress.json', '/manifest.json'] as const;
