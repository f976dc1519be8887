/** Projects: what belongs together. Runs made outside the management API belong to the built-in `proj_default`. */
import * as z from 'zod';
import { DomainError } from '#domain/errors.ts';
import { makeId } from '#domain/ids.ts';
import type { RunView } from '#domain/run.ts';
import { STANDINGS, type Standing } from '#domain/run-standing.ts';
import type { Remembered } from '#ports/answer-store.ts';
import type { Ports } from '#ports/ports.ts';
import { VersionConflict } from '#ports/run-store.ts';
import type { Page } from './list-runs.ts';

const COLLECTION = 'projects';
export const DEFAULT_PROJECT = 'proj_default';
const MAX_TRIES = 8;
const RUNS_SHOWN = 100;
const EDITS_KEPT = 100;
/** An edit keeps the beginning of a long text: 100 edits x 8 fields x 2 x 200 characters stay under a document store's 400 KB. */
const TEXT_KEPT = 200;

const fieldsSchema = z.object({
  name: z.string(),
  description: z.string().nullable(),
  objective: z.string().nullable(),
  taskType: z.string().nullable(),
  baseModel: z.string().nullable(),
  owner: z.string().nullable(),
  tags: z.array(z.string()),
  defaultHyperparameters: z.record(z.string(), z.unknown()),
});
export type ProjectFields = z.infer<typeof fieldsSchema>;

const editSchema = z.object({
  editedAt: z.string(),
  changes: z.array(z.object({ field: z.string(), from: z.unknown(), to: z.unknown() })),
});
const storedSchema = fieldsSchema.extend({
  version: z.int(),
  status: z.enum(['draft', 'active']),
  createdAt: z.string(),
  updatedAt: z.string(),
  history: z.array(editSchema).meta({ description: 'newest first' }),
});
export interface Project extends z.infer<typeof storedSchema> {
  readonly id: string;
}

export interface ProjectDetail {
  readonly project: Project;
  /** the newest 100 */
  readonly runs: readonly RunView[];
  readonly counts: Readonly<Record<Standing, number>>;
}

const toProject = (id: string, value: Record<string, unknown>): Project => ({ id, ...storedSchema.parse(value) });

function newProject(fields: ProjectFields, now: number): z.infer<typeof storedSchema> {
  const time = new Date(now).toISOString();
  return { ...fields, version: 1, status: 'draft', createdAt: time, updatedAt: time, history: [] };
}

export async function createProject(
  ports: Ports,
  fields: ProjectFields,
  remember?: (project: Project) => Remembered | undefined,
): Promise<Project> {
  const now = ports.clock.now();
  const project: Project = { id: makeId('project', now), ...newProject(fields, now) };
  const { id, ...value } = project;
  await ports.documents.put(COLLECTION, id, value, remember?.(project));
  return project;
}

/** Makes the built-in project where it is not there yet. */
export async function seedDefaultProject(ports: Ports): Promise<void> {
  if ((await ports.documents.get(COLLECTION, DEFAULT_PROJECT)) !== null) return;
  const description = 'Runs that were made through other APIs';
  const fields = { name: 'Default', description, objective: null, taskType: null, baseModel: null, owner: null };
  await ports.documents.put(
    COLLECTION,
    DEFAULT_PROJECT,
    newProject({ ...fields, tags: [], defaultHyperparameters: {} }, ports.clock.now()),
  );
}

/** @throws DomainError `project_not_found` */
export async function getProject(ports: Ports, id: string): Promise<Project> {
  const value = await ports.documents.get(COLLECTION, id);
  if (!value) throw new DomainError('project_not_found', `no project '${id}'`, { projectId: id });
  return toProject(id, value);
}

/** @throws DomainError `project_not_found` */
export async function getProjectDetail(ports: Ports, id: string): Promise<ProjectDetail> {
  const project = await getProject(ports, id);
  const [runs, ...counts] = await Promise.all([
    ports.runs.list({ projectId: id }, RUNS_SHOWN),
    ...STANDINGS.map((standing) => ports.runs.count({ projectId: id, standing: [standing] })),
  ]);
  const byStanding = Object.fromEntries(STANDINGS.map((standing, index) => [standing, counts[index] ?? 0])) as Record<Standing, number>;
  return { project, runs, counts: byStanding };
}

/** Newest first; the built-in project, which is older than all, comes last. */
export async function listProjects(ports: Ports, limit: number, after?: string): Promise<Page<Project>> {
  const from = after === DEFAULT_PROJECT ? '' : after; // no id sorts below the empty one
  const found = await ports.documents.list(COLLECTION, limit + 2, from);
  const made = found.filter(({ id }) => id !== DEFAULT_PROJECT).map(({ id, value }) => toProject(id, value));
  const builtIn = after === DEFAULT_PROJECT ? null : await ports.documents.get(COLLECTION, DEFAULT_PROJECT);
  const all = made.length <= limit && builtIn ? [...made, toProject(DEFAULT_PROJECT, builtIn)] : made;
  const items = all.slice(0, limit);
  return { items, next: all.length > limit ? (items.at(-1)?.id ?? null) : null };
}

/** Every edit is kept in the project's history. @throws DomainError `project_not_found` */
export function editProject(ports: Ports, id: string, edits: Partial<ProjectFields>): Promise<Project> {
  return changeProject(ports, id, (project, now) => {
    const changes = Object.entries(edits).flatMap(([field, to]) => {
      const from = Reflect.get(project, field);
      return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ field, from: shorten(from), to: shorten(to) }];
    });
    if (changes.length === 0) return null;
    return { ...project, ...edits, updatedAt: now, history: [{ editedAt: now, changes }, ...project.history].slice(0, EDITS_KEPT) };
  });
}

/** A project is a draft until its first run. */
export async function activateProject(ports: Ports, project: Project): Promise<void> {
  if (project.status === 'active') return;
  await changeProject(ports, project.id, (draft, now) =>
    draft.status === 'active' ? null : { ...draft, status: 'active', updatedAt: now },
  );
}

const shorten = (value: unknown): unknown =>
  typeof value === 'string' && value.length > TEXT_KEPT ? `${value.slice(0, TEXT_KEPT)}…` : value;

async function changeProject(ports: Ports, id: string, decide: (project: Project, now: string) => Project | null): Promise<Project> {
  for (let attempt = 1; ; attempt++) {
    const project = await getProject(ports, id);
    const next = decide(project, new Date(ports.clock.now()).toISOString());
    if (next === null) return project;
    const changed: Project = { ...next, version: project.version + 1 };
    const { id: _, ...value } = changed;
    try {
      await ports.documents.change(COLLECTION, id, value, project.version);
      return changed;
    } catch (error) {
      if (!(error instanceof VersionConflict) || attempt === MAX_TRIES) throw error;
    }
  }
}
