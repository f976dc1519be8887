/** What a check found, and what to do about it. `bad` keeps a deployment from working; `poor` lets it work, and less well than it could. */
export type Finding =
  | { readonly verdict: 'good'; readonly sentence: string }
  | { readonly verdict: 'poor' | 'bad'; readonly sentence: string; readonly remedy: string };

export interface Check {
  readonly name: string;
  /** @returns one finding, or one for each thing that it looked at */
  readonly look: () => Promise<Finding | readonly Finding[]>;
}

export const good = (sentence: string): Finding => ({ verdict: 'good', sentence });
export const poor = (sentence: string, remedy: string): Finding => ({ verdict: 'poor', sentence, remedy });
export const bad = (sentence: string, remedy: string): Finding => ({ verdict: 'bad', sentence, remedy });

/** A check that cannot look has found that: it is never counted as well. */
export async function runChecks(checks: readonly Check[]): Promise<{ name: string; findings: readonly Finding[] }[]> {
  return Promise.all(
    checks.map(async ({ name, look }) => {
      try {
        return { name, findings: [await look()].flat() };
      } catch (error) {
        const said = error instanceof Error ? error.message || error.name : String(error);
        return { name, findings: [poor(`could not look: ${said}`, 'allow these credentials to read it, or look by hand')] };
      }
    }),
  );
}
