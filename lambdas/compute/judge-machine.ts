import type { Observation } from '#ports/compute.ts';
import type { SeenMachine } from './connector.ts';

/** What a machine's state says of the attempt on it: whether it can still train, and how it ended where it cannot. @param provider for people */
export function judgeMachine(provider: string, machine: SeenMachine | null): Observation {
  if (machine === null) return gone('interrupted', `the machine at ${provider} is gone`);
  const said = machine.detail === null ? '' : `: ${machine.detail}`;
  switch (machine.phase) {
    case 'preempted':
      return gone('interrupted', `${provider} gave the machine to somebody else${said}`);
    case 'stopped':
    case 'terminating':
      return gone('interrupted', `${provider} stopped the machine (${machine.status})${said}`);
    case 'broken':
      return gone('machine_unfit', `the machine at ${provider} does not start (${machine.status})${said}`);
    default:
      return { liveness: 'alive' };
  }
}

const gone = (code: string, message: string): Observation => ({ liveness: 'gone', ending: { code, message } });
