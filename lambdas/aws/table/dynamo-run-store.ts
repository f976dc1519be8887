/**
 * Runs in DynamoDB (`table-keys.ts` has the layout). Each verb is one transaction, or one update; reads are consistent.
 *
 * A change has to take the run out of the lists that it was in. Which those are follows from the record of the version that it replaces:
 * the store remembers the group of the records that it has read, and reads the record again where it has not. The transaction holds only
 * over that very version, so what is remembered cannot be out of date.
 */
import type { Run, RunEvent, RunProgress, RunView } from '#domain/run.ts';
import { isFinal, type RunState } from '#domain/run-lifecycle.ts';
import { STANDINGS, stateOf } from '#domain/run-standing.ts';
import type { Remembered } from '#ports/answer-store.ts';
import { type NameClaim, NameTaken, type RunFilter, type RunStore, VersionConflict } from '#ports/run-store.ts';
import type { Clock } from '#ports/workflow.ts';
import { rememberedAnswer } from './dynamo-answer-store.ts';
import type { DynamoTable, Write } from './dynamo-table.ts';
import { type Group, groupOf, meetsFilter, moveBetweenLists, RunLists } from './run-lists.ts';
import { RunOutbox } from './run-outbox.ts';
import { changedRun, newEvents, newProgress, newRunItem, removedRun, toView } from './run-record.ts';
import { nameKey, runKey } from './table-keys.ts';

const GROUPS_KEPT = 2_000;
const UNFINISHED = STANDINGS.filter((standing) => !isFinal(stateOf(standing)));

export class DynamoRunStore implements RunStore {
  readonly #table: DynamoTable;
  readonly #clock: Clock;
  readonly #lists: RunLists;
  readonly #outbox: RunOutbox;
  readonly #groups = new Map<string, { readonly version: number; readonly group: Group }>();

  constructor(table: DynamoTable, { clock }: { readonly clock: Clock }) {
    this.#table = table;
    this.#clock = clock;
    this.#lists = new RunLists(table);
    this.#outbox = new RunOutbox(table);
  }

  async create(run: Run, events: readonly RunEvent[], remembered?: Remembered, names: readonly NameClaim[] = []): Promise<void> {
    const now = this.#clock.now();
    const taken = (): Error => new VersionConflict(run.id);
    await this.#table.transact([
      { item: { Put: { Item: newRunItem(run, now), ConditionExpression: 'attribute_not_exists(pk)' } }, refused: taken },
      ...(remembered ? [{ item: rememberedAnswer(remembered, now), refused: taken }] : []),
      ...names.map((claim) => claimName(claim, run.id)),
      ...newEvents(run.id, events),
      ...moveBetweenLists(run.id, null, groupOf(run)),
    ]);
    this.#remember(run);
  }

  async get(id: string): Promise<RunView | null> {
    const view = toView(await this.#table.get(runKey(id)));
    if (view) this.#remember(view.run);
    return view;
  }

  async findByName(name: string): Promise<string | null> {
    const item = await this.#table.get(nameKey(name));
    return item && String(item['runId']);
  }

  async change(run: Run, expectedVersion: number, events: readonly RunEvent[]): Promise<void> {
    const before = await this.#groupAt(run.id, expectedVersion);
    await this.#table.transact([
      { item: changedRun(run, expectedVersion, this.#clock.now()), refused: () => new VersionConflict(run.id) },
      ...newEvents(run.id, events),
      ...moveBetweenLists(run.id, before, groupOf(run)),
    ]);
    this.#remember(run);
  }

  /** Names stay taken: one that meant a run once must not mean another. */
  async remove(id: string, expectedVersion: number): Promise<void> {
    const before = await this.#groupAt(id, expectedVersion);
    await this.#table.transact([
      { item: removedRun(id, expectedVersion, this.#clock.now()), refused: () => new VersionConflict(id) },
      ...moveBetweenLists(id, before, null),
    ]);
    this.#groups.delete(id);
    await this.#outbox.undelivered(1, id); // with all its events published, what is left of it goes at once
  }

  async recordProgress(id: string, progress: RunProgress): Promise<boolean> {
    const { item } = await this.#table.update(runKey(id), newProgress(progress));
    return item !== null;
  }

  async list(filter: RunFilter, limit: number, after?: string): Promise<RunView[]> {
    const views: RunView[] = [];
    let last = after;
    for (;;) {
      const wanted = limit - views.length;
      const ids = await this.#lists.ids(filter, wanted, last);
      views.push(...(await this.#read(ids)).filter(({ run }) => meetsFilter(run, filter)));
      last = ids.at(-1);
      // Runs that were removed or moved since their entries were read leave room for older ones.
      if (ids.length < wanted || views.length >= limit) return views;
    }
  }

  count(filter: RunFilter): Promise<number> {
    return this.#lists.count(filter);
  }

  unfinished(): Promise<{ id: string; state: RunState }[]> {
    return this.#lists.all(UNFINISHED);
  }

  events(runId: string, after: number, limit: number): Promise<RunEvent[]> {
    return this.#outbox.events(runId, after, limit);
  }

  undelivered(limit: number, runId?: string): Promise<RunEvent[]> {
    return this.#outbox.undelivered(limit, runId);
  }

  markDelivered(events: readonly RunEvent[]): Promise<void> {
    return this.#outbox.markDelivered(events);
  }

  /** In the order of the ids. */
  async #read(ids: readonly string[]): Promise<RunView[]> {
    const items = await this.#table.getAll(ids.map(runKey));
    const views = new Map(items.flatMap((item) => toView(item) ?? []).map((view) => [view.run.id, view]));
    return ids.flatMap((id) => views.get(id) ?? []);
  }

  /** @throws VersionConflict where the run is not there in this version */
  async #groupAt(id: string, version: number): Promise<Group> {
    const known = this.#groups.get(id);
    if (known?.version === version) return known.group;
    const view = await this.get(id);
    if (view?.run.version !== version) throw new VersionConflict(id);
    return groupOf(view.run);
  }

  #remember(run: Run): void {
    this.#groups.delete(run.id);
    this.#groups.set(run.id, { version: run.version, group: groupOf(run) });
    const oldest = this.#groups.keys().next();
    if (this.#groups.size > GROUPS_KEPT && !oldest.done) this.#groups.delete(oldest.value);
  }
}

function claimName({ name, heldBy }: NameClaim, runId: string): Write {
  return {
    item: {
      Put: {
        Item: { ...nameKey(name), runId },
        ConditionExpression: `attribute_not_exists(pk)${heldBy === undefined ? '' : ' OR runId = :heldBy'}`,
        ...(heldBy !== undefined && { ExpressionAttributeValues: { ':heldBy': heldBy } }),
      },
    },
    refused: () => new NameTaken(name),
  };
}
