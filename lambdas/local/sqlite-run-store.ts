/**
 * Runs and their events in SQLite. The record is JSON beside the columns that conditions need; the event list is history and outbox at once.
 *
 * Lists and counts go by groups: `run_groups` holds how many runs each combination of state, provider, project and API has, so that a
 * count is a sum over a few rows, and a filtered list merges a few ordered stretches of one index, however many runs there are.
 */
import * as z from 'zod';
import { type Run, type RunEvent, type RunProgress, type RunView, runEventSchema, runProgressSchema, runSchema } from '#domain/run.ts';
import { isFinal, type RunState } from '#domain/run-lifecycle.ts';
import { STANDINGS, standingOf, standingsOf, stateOf } from '#domain/run-standing.ts';
import type { Remembered } from '#ports/answer-store.ts';
import { type NameClaim, NameTaken, type RunFilter, type RunStore, VersionConflict } from '#ports/run-store.ts';
import type { Clock } from '#ports/workflow.ts';
import { RunViewCache } from './run-view-cache.ts';
import { rememberAnswer } from './sqlite-answer-store.ts';
import { parseStored, type SqliteDatabase } from './sqlite-database.ts';

/** Sorts after every id. */
const ABOVE_ALL_IDS = '\u{10ffff}';
/** A filter that so many groups meet is a broad one: walking all runs from the newest finds a page sooner than asking every group. */
const MAX_MERGED_GROUPS = 500;

/** A mark that is lost brings events again, which is allowed: it waits for the next commit, which is also the next moment with new events. */
const MARK_PATIENCE_MILLISECONDS = 100;

// Compiled: 0.5 us instead of 5.5 us a record of 2 KB; JSON.parse takes 6 us.
const storedRunSchema = z.compile(runSchema);
const storedProgressSchema = z.compile(runProgressSchema);
const storedEventSchema = z.compile(runEventSchema);
const runRowSchema = z.compile(z.object({ id: z.string(), record: z.string(), progress: z.string().nullable() }));
const stateRowSchema = z.compile(z.object({ id: z.string(), state: z.enum(STANDINGS) }));
const eventRowSchema = z.compile(z.object({ run_id: z.string(), sequence: z.int(), event: z.string() }));
const positionRowSchema = z.compile(z.object({ position: z.int(), run_id: z.string(), sequence: z.int() }));
const nameRowSchema = z.compile(z.object({ run_id: z.string() }));
const idRowSchema = z.compile(z.object({ id: z.string().nullable() }));
const countRowSchema = z.compile(z.object({ runs: z.int() }));
const groupRowSchema = z.compile(z.object({ state: z.string(), provider: z.string(), project_id: z.string(), api: z.string() }));
type Group = z.infer<typeof groupRowSchema>;

/** ?1 to ?4 are `filterValues`. */
const MEETS_FILTER = `(?1 IS NULL OR state IN (SELECT value FROM json_each(?1)))
  AND (?2 IS NULL OR provider = ?2) AND (?3 IS NULL OR project_id = ?3) AND (?4 IS NULL OR api = ?4)`;
const UNFINISHED_STATES = JSON.stringify(STANDINGS.filter((standing) => !isFinal(stateOf(standing))));

export interface SqliteRunStoreOptions {
  readonly clock: Clock;
  /** the outbox's doorbell: rings once after each commit that appended events; must not throw */
  readonly onEvents?: () => void;
  /** rings after each report that was taken up; must not throw */
  readonly onProgress?: (runId: string) => void;
}

export class SqliteRunStore implements RunStore {
  readonly #database: SqliteDatabase;
  readonly #clock: Clock;
  readonly #onEvents: () => void;
  readonly #onProgress: (runId: string) => void;
  readonly #cache = new RunViewCache();

  constructor(database: SqliteDatabase, { clock, onEvents = () => {}, onProgress = () => {} }: SqliteRunStoreOptions) {
    this.#database = database;
    this.#clock = clock;
    this.#onEvents = onEvents;
    this.#onProgress = onProgress;
  }

  create(run: Run, events: readonly RunEvent[], remembered?: Remembered, names: readonly NameClaim[] = []): Promise<void> {
    const record = JSON.stringify(run);
    return this.#database.write(() => {
      const created = this.#database.execute(
        `INSERT INTO runs (id, version, state, provider, project_id, api, record) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
        run.id,
        run.version,
        standingOf(run),
        run.provider,
        run.projectId,
        run.api,
        record,
      );
      if (created === 0) throw new VersionConflict(run.id);
      if (remembered && !rememberAnswer(this.#database, remembered, this.#clock.now())) throw new VersionConflict(run.id);
      for (const claim of names) this.#claim(claim, run.id);
      this.#append(events);
    });
  }

  async get(id: string): Promise<RunView | null> {
    const kept = this.#cache.get(id);
    if (kept) return kept;
    const row = this.#database.row(runRowSchema, 'SELECT id, record, progress FROM runs WHERE id = ?', id);
    return row === null ? null : this.#cache.keep(toView(row));
  }

  change(run: Run, expectedVersion: number, events: readonly RunEvent[]): Promise<void> {
    const record = JSON.stringify(run);
    return this.#database.write(() => {
      this.#cache.forget(run.id);
      // Most changes move no state: those leave the index of groups and its trigger alone.
      const written =
        this.#database.execute(
          'UPDATE runs SET version = ?, record = ? WHERE id = ? AND version = ? AND state = ?',
          run.version,
          record,
          run.id,
          expectedVersion,
          standingOf(run),
        ) ||
        this.#database.execute(
          'UPDATE runs SET version = ?, state = ?, record = ? WHERE id = ? AND version = ?',
          run.version,
          standingOf(run),
          record,
          run.id,
          expectedVersion,
        );
      if (written === 0) throw new VersionConflict(run.id);
      this.#append(events);
    });
  }

  /** Names stay taken: one that meant a run once must not mean another. */
  async remove(id: string, expectedVersion: number): Promise<void> {
    await this.#database.write(() => {
      this.#cache.forget(id);
      if (this.#database.execute('DELETE FROM runs WHERE id = ? AND version = ?', id, expectedVersion) === 0) throw new VersionConflict(id);
      this.#database.execute('DELETE FROM events WHERE run_id = ? AND position <= (SELECT delivered_position FROM outbox)', id);
    });
  }

  async recordProgress(id: string, progress: RunProgress): Promise<boolean> {
    const changed = await this.#database.write(() => {
      this.#cache.forget(id);
      return this.#database.execute(
        `UPDATE runs SET progress = ?1, progress_attempt = ?2, progress_sequence = ?3
           WHERE id = ?4 AND (progress_attempt < ?2 OR (progress_attempt = ?2 AND progress_sequence < ?3))`,
        JSON.stringify(progress),
        progress.attempt,
        progress.sequence,
        id,
      );
    });
    if (changed === 1) this.#onProgress(id);
    return changed === 1;
  }

  async list(filter: RunFilter, limit: number, after: string = ABOVE_ALL_IDS): Promise<RunView[]> {
    if (Object.values(filter).every((value) => value === undefined)) {
      return this.#database
        .rows(runRowSchema, 'SELECT id, record, progress FROM runs WHERE id < ? ORDER BY id DESC LIMIT ?', after, limit)
        .map(toView);
    }
    const values = filterValues(filter);
    const groups = this.#database.rows(
      groupRowSchema,
      `SELECT state, provider, project_id, api FROM run_groups WHERE ${MEETS_FILTER}`,
      ...values,
    );
    if (groups.length > MAX_MERGED_GROUPS) {
      const sql = `SELECT id, record, progress FROM runs WHERE ${MEETS_FILTER} AND id < ?5 ORDER BY id DESC LIMIT ?6`;
      return this.#database.rows(runRowSchema, sql, ...values, after, limit).map(toView);
    }
    return this.#newestOf(groups, limit, after).map((id) => this.#read(id));
  }

  async count(filter: RunFilter): Promise<number> {
    const sql = `SELECT coalesce(sum(runs), 0) AS runs FROM run_groups WHERE ${MEETS_FILTER}`;
    return this.#database.row(countRowSchema, sql, ...filterValues(filter))?.runs ?? 0;
  }

  async unfinished(): Promise<{ id: string; state: RunState }[]> {
    const sql = 'SELECT id, state FROM runs WHERE state IN (SELECT value FROM json_each(?)) ORDER BY id';
    return this.#database.rows(stateRowSchema, sql, UNFINISHED_STATES).map(({ id, state }) => ({ id, state: stateOf(state) }));
  }

  async findByName(name: string): Promise<string | null> {
    return this.#database.row(nameRowSchema, 'SELECT run_id FROM run_names WHERE name = ?', name)?.run_id ?? null;
  }

  async events(runId: string, after: number, limit: number): Promise<RunEvent[]> {
    const sql = 'SELECT run_id, sequence, event FROM events WHERE run_id = ? AND sequence > ? ORDER BY sequence LIMIT ?';
    return this.#database.rows(eventRowSchema, sql, runId, after, limit).map(toEvent);
  }

  async undelivered(limit: number, runId?: string): Promise<RunEvent[]> {
    const sql = `SELECT run_id, sequence, event FROM events
      WHERE position > (SELECT delivered_position FROM outbox) AND (?1 IS NULL OR run_id = ?1) ORDER BY position LIMIT ?2`;
    return this.#database.rows(eventRowSchema, sql, runId ?? null, limit).map(toEvent);
  }

  /** The outbox moves on over what was handed over without a gap; events behind a gap come again with those of the gap. */
  async markDelivered(events: readonly RunEvent[]): Promise<void> {
    const delivered = new Set(events.map(({ runId, sequence }) => `${runId} ${sequence}`));
    await this.#database.write(() => {
      const sql =
        'SELECT position, run_id, sequence FROM events WHERE position > (SELECT delivered_position FROM outbox) ORDER BY position LIMIT ?';
      const waiting = this.#database.rows(positionRowSchema, sql, events.length);
      const gap = waiting.findIndex((row) => !delivered.has(`${row.run_id} ${row.sequence}`));
      const last = waiting.at(gap === -1 ? -1 : gap - 1);
      if (gap === 0 || last === undefined) return;
      this.#database.execute('UPDATE outbox SET delivered_position = ?', last.position);
    }, MARK_PATIENCE_MILLISECONDS);
  }

  /** A run that an index has just named. */
  #read(id: string): RunView {
    const row = this.#database.row(runRowSchema, 'SELECT id, record, progress FROM runs WHERE id = ?', id);
    if (row === null) throw new Error(`run ${id} is in the index and not in the table`);
    return toView(row);
  }

  #claim({ name, heldBy }: NameClaim, runId: string): void {
    const claimed = this.#database.execute(
      'INSERT INTO run_names (name, run_id) VALUES (?, ?) ON CONFLICT DO UPDATE SET run_id = excluded.run_id WHERE run_id = ?',
      name,
      runId,
      heldBy ?? null,
    );
    if (claimed === 0) throw new NameTaken(name);
  }

  #append(events: readonly RunEvent[]): void {
    const sql = `INSERT INTO events (position, run_id, sequence, event)
      VALUES (1 + max((SELECT coalesce(max(position), 0) FROM events), (SELECT delivered_position FROM outbox)), ?, ?, ?)`;
    for (const event of events) this.#database.execute(sql, event.runId, event.sequence, JSON.stringify(event));
    if (events.length > 0) this.#database.afterCommit(this.#onEvents);
  }

  /** Merges the groups: the newest of their newest ids, again and again; each costs one step into the index. */
  #newestOf(groups: readonly Group[], limit: number, after: string): string[] {
    const heads = groups.map((group) => ({ group, id: this.#newestBefore(group, after) }));
    const ids: string[] = [];
    while (ids.length < limit) {
      let newest = heads[0];
      for (const head of heads) if (newest && head.id > newest.id) newest = head;
      if (newest === undefined || newest.id === '') break;
      ids.push(newest.id);
      newest.id = this.#newestBefore(newest.group, newest.id);
    }
    return ids;
  }

  /** @returns the empty string, which sorts before every id, where the group has none */
  #newestBefore(group: Group, before: string): string {
    const sql = 'SELECT max(id) AS id FROM runs WHERE state = ? AND provider = ? AND project_id = ? AND api = ? AND id < ?';
    return this.#database.row(idRowSchema, sql, group.state, group.provider, group.project_id, group.api, before)?.id ?? '';
  }
}

function filterValues({
  state,
  standing,
  provider,
  projectId,
  api,
}: RunFilter): [string | null, string | null, string | null, string | null] {
  const ofState = state && standingsOf(state);
  const wanted = standing && ofState ? standing.filter((one) => ofState.includes(one)) : (standing ?? ofState);
  return [wanted === undefined ? null : JSON.stringify(wanted), provider ?? null, projectId ?? null, api ?? null];
}

function toView({ id, record, progress }: z.infer<typeof runRowSchema>): RunView {
  return {
    run: parseStored(storedRunSchema, record, `run ${id}`),
    progress: progress === null ? null : parseStored(storedProgressSchema, progress, `progress of run ${id}`),
  };
}

function toEvent({ run_id, sequence, event }: z.infer<typeof eventRowSchema>): RunEvent {
  return parseStored(storedEventSchema, event, `event ${sequence} of run ${run_id}`);
}
