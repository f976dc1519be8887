/** How AWS hands messages over: at least once, which is at times twice, and not always in order. */

/**
 * A stream to a function: records of one key in their order, those of different keys in any; a batch comes again when a worker died over it.
 * Sources: docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html (order by item; a transaction's records come apart),
 * docs.aws.amazon.com/lambda/latest/dg/with-ddb.html ("at least once").
 */
export function streamBatches<Record>(records: readonly Record[], keyOf: (record: Record) => string, random: () => number): Record[][] {
  const waiting = [...Map.groupBy(records, keyOf).values()].map((ofKey) => [...ofKey]);
  const batches: Record[][] = [];
  while (waiting.some(({ length }) => length > 0)) {
    const batch: Record[] = [];
    for (const ofKey of shuffled(waiting, random)) batch.push(...ofKey.splice(0, Math.floor(random() * 3)));
    if (batch.length === 0) continue;
    batches.push(batch);
    if (random() < 0.4) batches.push([...batch]);
  }
  return batches;
}

/**
 * Notifications in a queue: in any order, some twice, some never.
 * Sources: docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html ("at least once", no order),
 * docs.aws.amazon.com/eventbridge/latest/userguide/eb-delivery.html; that they may be lost is our own demand, so that nothing rests on them.
 */
export const deliveredSomehow = <Message>(messages: readonly Message[], random: () => number): Message[] =>
  shuffled(
    messages.flatMap((message) => (random() < 0.2 ? [] : random() < 0.3 ? [message, message] : [message])),
    random,
  );

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
