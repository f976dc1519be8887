/** One structured line on stderr for what nobody asked for and nobody can be told: the next try may mend it. Facts are names and ids. */
export function logFault(event: string, facts: Readonly<Record<string, unknown>>, error: unknown): void {
  console.error(JSON.stringify({ event, ...facts, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }));
}
