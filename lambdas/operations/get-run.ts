import { DomainError } from '#domain/errors.ts';
import type { RunView } from '#domain/run.ts';
import type { Ports } from '#ports/ports.ts';

/** @throws DomainError `run_not_found` */
export async function getRun(ports: Pick<Ports, 'runs'>, runId: string): Promise<RunView> {
  const view = await ports.runs.get(runId);
  if (!view) throw new DomainError('run_not_found', `no run '${runId}'`, { runId });
  return view;
}
