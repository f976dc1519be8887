/** The variables that a run was given: sealed from the moment it is created until its trainer starts. */
import * as z from 'zod';
import type { Run } from '#domain/run.ts';
import type { Ports } from '#ports/ports.ts';

const COLLECTION = 'run-environments';
const sealedSchema = z.object({ sealed: z.string() });

/** Before the run itself is stored: a crash between leaves a sealed value that no run names. */
export async function keepEnvironment(ports: Ports, runId: string, values: Readonly<Record<string, string>>): Promise<void> {
  if (Object.keys(values).length === 0) return;
  await ports.documents.put(COLLECTION, runId, { sealed: await ports.secrets.seal(runId, values) });
}

/** Those that the request held. */
export async function openEnvironment(ports: Ports, runId: string): Promise<Record<string, string>> {
  const stored = await ports.documents.get(COLLECTION, runId);
  return stored ? ports.secrets.open(runId, sealedSchema.parse(stored).sealed) : {};
}

/** All that the run's trainer gets: those of the request, and the secrets that it names, as they are now. */
export async function openVariables(ports: Ports, { id, secrets }: Pick<Run, 'id' | 'secrets'>): Promise<Record<string, string>> {
  const values = await Promise.all(
    Object.entries(secrets).map(async ([name, secret]) => [name, await ports.secrets.read(secret)] as const),
  );
  return { ...(await openEnvironment(ports, id)), ...Object.fromEntries(values) };
}

export async function forgetEnvironment(ports: Pick<Ports, 'documents'>, runId: string): Promise<void> {
  await ports.documents.take(COLLECTION, runId);
}
