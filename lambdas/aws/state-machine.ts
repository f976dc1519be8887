/**
 * The workflow of a run, as data: what the stacks deploy and the tests execute. Every task is the same function, routed by the phase that
 * it returns; the states are there so that a person sees in the console where a run is.
 *
 *   PrepareRun -> NextStep -> LaunchRun -> NextStep -> PollRun -> NextStep -> WaitForProgress -> PollRun ... -> FinishRun -> Done
 *
 * A round of waiting is Wait, Task, Choice: 3 transitions ($0.000025 each) and 9 events of history:
 *   WaitStateEntered WaitStateExited TaskStateEntered TaskScheduled TaskStarted TaskSucceeded TaskStateExited ChoiceStateEntered ChoiceStateExited
 *
 * Errors of a task are tried again for ever, at most five minutes apart: a fault of the plane is never a fault of the run. The one catch is
 * for input that no release has written; it ends the execution with an alarm, and the sweeper starts the next generation from the record.
 *
 * Source: states-language.net/spec.html; docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html ("MaxAttempts ... up to 99999999").
 */

/** A task that hangs is given up and tried again; the function's own limit lies below. */
export const TASK_TIMEOUT_SECONDS = 330;
const RETRIES_WITHOUT_END = 99_999_999;
const LONGEST_RETRY_SECONDS = 300;

interface TaskState {
  readonly Type: 'Task';
  readonly Comment: string;
  readonly Resource: string;
  readonly Parameters: { readonly FunctionName: string; readonly 'Payload.$': '$' };
  readonly OutputPath: '$.Payload';
  readonly TimeoutSeconds: number;
  readonly Retry: readonly Readonly<Record<string, unknown>>[];
  readonly Catch: readonly Readonly<Record<string, unknown>>[];
  readonly Next: string;
}
interface WaitState {
  readonly Type: 'Wait';
  readonly SecondsPath: '$.waitSeconds';
  readonly Next: string;
}
interface ChoiceState {
  readonly Type: 'Choice';
  readonly Choices: readonly ChoiceRule[];
  readonly Default: string;
}
interface EndState {
  readonly Type: 'Succeed' | 'Fail';
  readonly Comment: string;
  readonly Error?: string;
  readonly Cause?: string;
}
export interface Comparison {
  readonly Variable: string;
  readonly StringEquals?: string;
  readonly NumericGreaterThan?: number;
}
export type ChoiceRule = (Comparison | { readonly And: readonly Comparison[] }) & { readonly Next: string };
export type State = TaskState | WaitState | ChoiceState | EndState;

export interface StateMachine {
  readonly Comment: string;
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
}

/** @param functionName name or ARN of the function behind every task; of an alias, so that a release is one step */
export function defineStateMachine(functionName: string): StateMachine {
  const task = (Comment: string): TaskState => ({
    Type: 'Task',
    Comment,
    Resource: 'arn:aws:states:::lambda:invoke',
    Parameters: { FunctionName: functionName, 'Payload.$': '$' },
    OutputPath: '$.Payload',
    TimeoutSeconds: TASK_TIMEOUT_SECONDS,
    Retry: [
      { ErrorEquals: ['RoundUnreadable'], MaxAttempts: 0 },
      {
        ErrorEquals: ['States.ALL'],
        IntervalSeconds: 2,
        BackoffRate: 2,
        MaxDelaySeconds: LONGEST_RETRY_SECONDS,
        MaxAttempts: RETRIES_WITHOUT_END,
        JitterStrategy: 'FULL',
      },
    ],
    Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.error', Next: 'GaveUp' }],
    Next: 'NextStep',
  });
  const wait = (Next: string): WaitState => ({ Type: 'Wait', SecondsPath: '$.waitSeconds', Next });
  const inPhase = (phase: string): Comparison => ({ Variable: '$.phase', StringEquals: phase });
  const mustWait: Comparison = { Variable: '$.waitSeconds', NumericGreaterThan: 0 };

  return {
    Comment:
      'Drives one run of Tuneplane from acceptance to its end. Stopping an execution does not stop the run: the next generation goes on.',
    StartAt: 'PrepareRun',
    States: {
      PrepareRun: task('Pins the inputs before any machine is asked for'),
      LaunchRun: task('Reserves an attempt and asks for its machine'),
      PollRun: task('Takes up what the trainer reported, and sees whether it lives'),
      FinishRun: task('The run is over: whatever machine is left is ended'),
      NextStep: {
        Type: 'Choice',
        Choices: [
          { And: [inPhase('poll'), mustWait], Next: 'WaitForProgress' },
          { ...inPhase('poll'), Next: 'PollRun' },
          { And: [inPhase('launch'), mustWait], Next: 'WaitForCapacity' },
          { ...inPhase('launch'), Next: 'LaunchRun' },
          { And: [inPhase('prepare'), mustWait], Next: 'WaitForTurn' },
          { ...inPhase('prepare'), Next: 'PrepareRun' },
          { And: [inPhase('finish'), mustWait], Next: 'WaitForEnd' },
          { ...inPhase('finish'), Next: 'FinishRun' },
          { ...inPhase('handed-over'), Next: 'HandedOver' },
        ],
        Default: 'Done',
      },
      WaitForProgress: wait('PollRun'),
      WaitForCapacity: wait('LaunchRun'),
      WaitForTurn: wait('PrepareRun'),
      WaitForEnd: wait('FinishRun'),
      Done: { Type: 'Succeed', Comment: 'The run is over' },
      HandedOver: { Type: 'Succeed', Comment: 'The next generation of this execution goes on' },
      GaveUp: {
        Type: 'Fail',
        Comment: 'The run is not touched: the sweeper starts the next generation within two minutes',
        Error: 'ExecutionGaveUp',
        Cause: 'a task could not read its input: see the runbook',
      },
    },
  };
}
