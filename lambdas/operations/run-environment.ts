/** The variables that a run was given: sealed from the moment it is created until its trainer starts. */
import * as z from 'zod';
import type { Ports } from '#ports';

const COLLECTION = 'run-environments';
const sealedSchema = z.object({ sealed: z.string() });

/** Before the run itself is stored: a crash between leaves a sealed value that no run names. */
export async function keepEnvironment(ports: Ports, runId: string, values: Readonly<Record<string, string>>): Promise<void> {
  if (Object.keys(values).length === 0) return;
  await ports.documents.put(COLLECTION, runId, { sealed: await ports.secrets.seal(runId, values) });
}

export async function openEnvironment(ports: Ports, runId: string): Promise<Record<string, string>> {
  const stored = await ports.documents.get(COLLECTION, runId);
  return stored ? ports.secrets.open(runId, sealedSchema.parse(stored).sealed) : {};
}
