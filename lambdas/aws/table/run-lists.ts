/** The lists that a run is in and the counters that it is counted by: what to write when it comes, moves or goes, and how to read them. */
import type { Run } from '#domain/run.ts';
import type { RunState } from '#domain/run-lifecycle.ts';
import { STANDINGS, type Standing, standingOf, standingsOf, stateOf } from '#domain/run-standing.ts';
import type { RunFilter } from '#ports/run-store.ts';
import type { DynamoTable, Item, Write } from './dynamo-table.ts';
import { countPartition, countSort, listPartition, type Places, standingOfCount } from './table-keys.ts';

/** What decides the lists of a run. */
export interface Group {
  readonly standing: Standing;
  readonly provider: string;
  readonly projectId: string;
  readonly api: string;
}

export const groupOf = (run: Pick<Run, 'state' | 'startedAt' | 'provider' | 'projectId' | 'api'>): Group => ({
  standing: standingOf(run),
  provider: run.provider,
  projectId: run.projectId,
  api: run.api,
});

/** Each choice of what a filter may name, for one run. */
function placesOf({ provider, projectId, api }: Group): Places[] {
  return [0, 1, 2, 3, 4, 5, 6, 7].map((bits) => ({
    provider: bits & 1 ? provider : null,
    projectId: bits & 2 ? projectId : null,
    api: bits & 4 ? api : null,
  }));
}

const partitionsOf = (group: Group): string[] =>
  placesOf(group).flatMap((places) => [listPartition(null, places), listPartition(group.standing, places)]);

/**
 * What changes in lists and counters when a run goes from one group to another.
 * @param before null: it was in none, it is new
 * @param after null: it is in none any more
 */
export function moveBetweenLists(runId: string, before: Group | null, after: Group | null): Write[] {
  const left = new Set(before ? partitionsOf(before) : []);
  const entered = new Set(after ? partitionsOf(after) : []);
  const removals = [...left].filter((pk) => !entered.has(pk)).map((pk) => ({ item: { Delete: { Key: { pk, sk: runId } } } }));
  const entries = [...entered].filter((pk) => !left.has(pk)).map((pk) => ({ item: { Put: { Item: { pk, sk: runId } } } }));
  const isSame = before !== null && after !== null && JSON.stringify(before) === JSON.stringify(after);
  return [...removals, ...entries, ...(isSame ? [] : [...countChanges(runId, before, -1), ...countChanges(runId, after, 1)])];
}

function countChanges(runId: string, group: Group | null, by: 1 | -1): Write[] {
  if (group === null) return [];
  return placesOf(group).map((places) => ({
    item: {
      Update: {
        Key: { pk: countPartition(places), sk: countSort(group.standing, runId) },
        UpdateExpression: 'ADD runs :by',
        ExpressionAttributeValues: { ':by': by },
      },
    },
  }));
}

/** The standings that a filter allows; null: all of them. */
function wantedStandings({ state, standing }: RunFilter): readonly Standing[] | null {
  if (state === undefined) return standing ?? null;
  const ofState = standingsOf(state);
  return standing ? standing.filter((one) => ofState.includes(one)) : ofState;
}

/** A run may have moved between its entry's reading and its own. */
export function meetsFilter(run: Run, filter: RunFilter): boolean {
  const { standing, provider, projectId, api } = groupOf(run);
  return (
    (wantedStandings(filter)?.includes(standing) ?? true) &&
    (filter.provider ?? provider) === provider &&
    (filter.projectId ?? projectId) === projectId &&
    (filter.api ?? api) === api
  );
}

const placesIn = ({ provider, projectId, api }: RunFilter): Places => ({
  provider: provider ?? null,
  projectId: projectId ?? null,
  api: api ?? null,
});

export class RunLists {
  readonly #table: DynamoTable;
  /** counters that are being read at this moment: whoever asks for another sum of them gets it from the same Query */
  readonly #counting = new Map<string, Promise<readonly Item[]>>();

  constructor(table: DynamoTable) {
    this.#table = table;
  }

  /** Ids, newest first. @param after the last id of the page before */
  async ids(filter: RunFilter, limit: number, after?: string): Promise<string[]> {
    if (after === '') return [];
    const standings = wantedStandings(filter);
    const places = placesIn(filter);
    const partitions = (standings ?? [null]).map((standing) => listPartition(standing, places));
    const found = await Promise.all([...new Set(partitions)].map((pk) => this.#newest(pk, limit, after)));
    // A run that moves while its lists are read may be seen in two of them.
    return [...new Set(found.flat())].sort().reverse().slice(0, limit);
  }

  async count(filter: RunFilter): Promise<number> {
    const standings = wantedStandings(filter);
    if (standings?.length === 0) return 0;
    const wanted = new Set<string>(standings ?? STANDINGS);
    const counters = await this.#counters(countPartition(placesIn(filter)));
    return counters.reduce((sum, { sk, runs }) => sum + (wanted.has(standingOfCount(String(sk))) ? Number(runs) : 0), 0);
  }

  /** Every run of these standings, oldest first. */
  async all(standings: readonly Standing[]): Promise<{ id: string; state: RunState }[]> {
    const places = { provider: null, projectId: null, api: null };
    const found = new Map<string, RunState>();
    for (const standing of standings) {
      const entries = await this.#table.query({
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': listPartition(standing, places) },
      });
      // Read in the order of a life: one that moves on meanwhile is found again, as what it has become.
      for (const { sk } of entries) found.set(String(sk), stateOf(standing));
    }
    return [...found].map(([id, state]) => ({ id, state })).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async #newest(pk: string, limit: number, after: string | undefined): Promise<string[]> {
    const entries = await this.#table.query(
      {
        KeyConditionExpression: after === undefined ? 'pk = :pk' : 'pk = :pk AND sk < :after',
        ExpressionAttributeValues: { ':pk': pk, ...(after !== undefined && { ':after': after }) },
        ScanIndexForward: false,
      },
      limit,
    );
    return entries.map(({ sk }) => String(sk));
  }

  #counters(pk: string): Promise<readonly Item[]> {
    const running = this.#counting.get(pk);
    if (running !== undefined) return running;
    const reading = this.#table
      .query({ KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': pk } })
      .finally(() => this.#counting.delete(pk));
    this.#counting.set(pk, reading);
    return reading;
  }
}
