import { DomainError, InvalidRequest } from '#domain/errors.ts';
import { providerProblem } from '#domain/providers.ts';
import type { RunView } from '#domain/run.ts';
import type { Ports } from '#ports/ports.ts';
import { changeRun } from './change-run.ts';

/**
 * Sends a run that was only created on its way.
 * @throws DomainError `run_not_found`; `transition_refused` for a run that was submitted already; InvalidRequest for a provider that is not there
 */
export async function submitRun(ports: Ports, runId: string, provider: string): Promise<RunView> {
  const view = await changeRun(ports, runId, (draft) => {
    const { state } = draft.run;
    if (state !== 'created')
      throw new DomainError('transition_refused', `run '${runId}' is ${state}, and only a created one can be submitted`, { runId, state });
    const problem = providerProblem(provider, ports.settings.providers, ports.settings.providerRemedies);
    if (problem) throw new InvalidRequest([{ path: 'provider', message: problem }]);
    draft.run.provider = provider;
    draft.run.submittedAt = draft.timestamp;
    draft.move('submitted', { message: `submitted to ${provider}; waits for its turn` });
  });
  await ports.workflow.start(runId);
  return view;
}
