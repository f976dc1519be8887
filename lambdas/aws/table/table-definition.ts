/** The table as data: what the stacks create, and the tests. */
import { UNPUBLISHED_INDEX } from './table-keys.ts';

export const TABLE_DEFINITION = {
  partitionKey: 'pk',
  sortKey: 'sk',
  /** epoch seconds; DynamoDB removes what has passed, within two days */
  timeToLive: 'expiresAtSeconds',
  /** a record says whose run changed, and whether somebody follows it */
  streamView: 'NEW_IMAGE',
  index: { name: UNPUBLISHED_INDEX, partitionKey: 'unpublished', sortKey: 'unpublishedSince', projection: 'KEYS_ONLY' },
} as const;
