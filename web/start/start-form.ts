/** What stands in the form, and what the plane said of it. Lives as long as the page that shows it. */
import { type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { ask, PlaneDown, PlaneError, perform } from '../plane/ask.ts';
import { newKey } from '../plane/key.ts';
import type { Recipe } from '../plane/recipe.ts';
import type { RunDetail, SavedConfig } from '../plane/wire.ts';
import { type Typed, toBody, toTyped } from './form-body.ts';
import { type Field, fieldsOf, type OpenApi } from './schema-fields.ts';
import { cloneOf, type WayName, wayOf } from './ways.ts';

export interface StartForm {
  readonly way: Signal<WayName>;
  readonly project: Signal<string>;
  readonly typed: Signal<Typed>;
  readonly fields: ReadonlySignal<readonly Field[]>;
  readonly problem: Signal<Error | null>;
  readonly isBusy: Signal<boolean>;
  readonly setField: (key: string, text: string) => void;
  readonly choose: (way: WayName) => void;
  readonly fill: (body: unknown) => void;
  readonly recipe: () => Recipe;
  /** @returns the id of the new run; null where it was refused, and `problem` says why */
  readonly submit: () => Promise<string | null>;
}

export function createStartForm(document: OpenApi, query: Readonly<Record<string, string>>): StartForm {
  const way = signal<WayName>(query['project'] ? 'project' : query['session'] ? 'session' : 'sft');
  const project = signal(query['project'] ?? 'proj_default');
  const fields = signal<readonly Field[]>(fieldsOf(document, wayOf(way.value).operationId));
  const typed = signal<Typed>(firstTyped(way.value, query));
  const problem = signal<Error | null>(null);
  const isBusy = signal(false);
  let key = newKey();

  const choose = (name: WayName) => {
    way.value = name;
    fields.value = fieldsOf(document, wayOf(name).operationId);
    typed.value = carryOver(typed.peek(), fields.value);
    problem.value = null;
  };
  const recipe = () => wayOf(way.peek()).recipe(toBody(fields.peek(), typed.peek()), project.peek());
  return {
    way,
    project,
    typed,
    fields,
    problem,
    isBusy,
    choose,
    recipe,
    setField: (name, text) => {
      typed.value = { ...typed.peek(), [name]: text };
    },
    fill: (body) => {
      typed.value = toTyped(fields.peek(), body);
      problem.value = null;
    },
    submit: async () => {
      isBusy.value = true;
      problem.value = null;
      try {
        const answer = await perform<Record<string, unknown>>(recipe(), key);
        return String(answer[wayOf(way.peek()).idField]);
      } catch (error) {
        problem.value = error instanceof Error ? error : new Error(String(error));
        if (!(error instanceof PlaneDown)) key = newKey(); // a lost answer is asked for again with the same key: one run, not two
        return null;
      } finally {
        isBusy.value = false;
      }
    },
  };
}

const firstTyped = (way: WayName, query: Readonly<Record<string, string>>): Typed => ({
  ...(way === 'sft'
    ? { 'config.base_model': 'tiny-llama', 'config.dataset_name': query['dataset'] ?? '', 'config.max_steps': query['steps'] ?? '' }
    : {}),
  ...(query['session'] ? { session_id: query['session'] } : {}),
});

/** The same field of another way has the same name; a few have not. */
const TWINS: Readonly<Record<string, string>> = { dataset_name: 'dataset', dataset: 'dataset_name' };

function carryOver(typed: Typed, fields: readonly Field[]): Typed {
  const byName = new Map(Object.entries(typed).map(([key, text]) => [key.slice(key.lastIndexOf('.') + 1), text]));
  const carried: Record<string, string> = {};
  for (const { path, name } of fields) {
    if (path[0] === 'model_parameters' && name !== 'base_model' && name !== 'peft_method') continue; // its plain twin is asked for
    const text = byName.get(name) ?? byName.get(TWINS[name] ?? '');
    if (text) carried[path.join('.')] = text;
  }
  return carried;
}

/** What the plane said of one field. */
export function problemOf(problem: Error | null, key: string): string | null {
  if (!(problem instanceof PlaneError)) return null;
  return problem.problems.find(({ path }) => path === key)?.message ?? null;
}

/** Fills the form with what a run or a saved configuration was asked for. @throws PlaneError */
export async function fillFrom(form: StartForm, query: Readonly<Record<string, string>>): Promise<void> {
  if (query['clone']) {
    const run = await ask<RunDetail>(`/runs/${encodeURIComponent(query['clone'])}`);
    const { way, body } = cloneOf(run);
    form.choose(way);
    form.project.value = run.project_id;
    form.fill(body);
  } else if (query['config']) {
    const { config } = await ask<SavedConfig>(`/api/sft/configs/${encodeURIComponent(query['config'])}`);
    form.choose('sft');
    form.fill({ config });
  }
}
