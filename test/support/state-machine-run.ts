/**
 * Executes our state machine on a clock of its own: the states that it has, and the history that Step Functions would write of them.
 * `test/aws/state-machine.test.ts` compares it with an execution in the emulator.
 */
import type { ChoiceRule, Comparison, StateMachine } from '#aws/state-machine.ts';

type Data = Readonly<Record<string, unknown>>;

export interface Execution {
  readonly status: 'SUCCEEDED' | 'FAILED' | 'ABORTED' | 'CUT OFF';
  readonly output: Data;
  /** types of the events of its history */
  readonly history: readonly string[];
  /** states in the order that they were entered; each is one transition to be paid for, and the start one more */
  readonly states: readonly string[];
}

export interface ExecutionOptions {
  /** the function behind every task */
  readonly task: (input: Data) => Promise<unknown>;
  /** time that passes while the machine waits */
  readonly pass?: (seconds: number) => void | Promise<void>;
  readonly maxStates?: number;
}

/** Thrown by a task: somebody stops the execution while it is at work. */
export class ExecutionStopped extends Error {}

/** Errors of a task are tried again at once, as often as they come, except those that the definition does not retry. */
export async function executeStateMachine(
  { StartAt, States }: StateMachine,
  input: Data,
  { task, pass = () => {}, maxStates = 10_000 }: ExecutionOptions,
): Promise<Execution> {
  const history = ['ExecutionStarted'];
  const states: string[] = [];
  let data = input;
  for (let name = StartAt; states.length < maxStates; ) {
    const state = States[name];
    if (state === undefined) throw new Error(`no state ${name}`);
    states.push(name);
    history.push(`${state.Type}StateEntered`);
    if (state.Type === 'Fail') return { status: 'FAILED', output: data, history: [...history, 'ExecutionFailed'], states };
    let next = '';
    if (state.Type === 'Task') {
      next = state.Next;
      for (;;) {
        history.push('TaskScheduled', 'TaskStarted');
        try {
          data = JSON.parse(JSON.stringify(await task(data)));
          history.push('TaskSucceeded');
          break;
        } catch (error) {
          if (error instanceof ExecutionStopped)
            return { status: 'ABORTED', output: data, history: [...history, 'ExecutionAborted'], states };
          history.push('TaskFailed');
          const name = error instanceof Error ? error.name : 'Error';
          const retrier = state.Retry.find(({ ErrorEquals }) =>
            [name, 'States.ALL'].some((one) => (ErrorEquals as string[]).includes(one)),
          );
          if (Number(retrier?.['MaxAttempts'] ?? 0) > 0) continue;
          next = String(state.Catch[0]?.['Next']);
          break;
        }
      }
    } else if (state.Type === 'Wait') {
      next = state.Next;
      await pass(Number(data['waitSeconds']));
    } else if (state.Type === 'Choice') next = state.Choices.find((rule) => holds(rule, data))?.Next ?? state.Default;
    history.push(`${state.Type}StateExited`);
    if (state.Type === 'Succeed') return { status: 'SUCCEEDED', output: data, history: [...history, 'ExecutionSucceeded'], states };
    name = next;
  }
  return { status: 'CUT OFF', output: data, history, states };
}

const holds = (rule: ChoiceRule, data: Data): boolean => ('And' in rule ? rule.And : [rule]).every((part) => compares(part, data));

function compares({ Variable, StringEquals, NumericGreaterThan }: Comparison, data: Data): boolean {
  const value = data[Variable.slice('$.'.length)];
  return StringEquals === undefined ? Number(value) > Number(NumericGreaterThan) : value === StringEquals;
}
