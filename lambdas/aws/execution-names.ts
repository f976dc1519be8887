/** Names of executions, apart from the client that starts them: who only reads one does not load it. */
export const executionName = (runId: string, generation: number): string => `${runId}-g${generation}`;
/** Null for an execution that is none of ours. */
export const runOfExecution = (name: string): string | null => /^(run_[0-9a-z]+)-g\d+$/.exec(name)?.[1] ?? null;
