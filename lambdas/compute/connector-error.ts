/** Everything that can go wrong with a provider, as a closed list: what is done about it hangs on nothing else. */

/**
 * `no-capacity`: this offer is not to be had, the next may be. `quota`: the account may not have more, or has no money. `auth`: the key.
 * `invalid`: the request can never be granted. `rate-limited`: asked too often. `ambiguous`: it may have been done. `unavailable`: the
 * provider does not answer, and nothing was changed.
 */
export const CONNECTOR_FAULTS = ['no-capacity', 'quota', 'auth', 'invalid', 'rate-limited', 'ambiguous', 'unavailable'] as const;
export type ConnectorFault = (typeof CONNECTOR_FAULTS)[number];

export class ConnectorError extends Error {
  readonly fault: ConnectorFault;
  /** for `rate-limited`: when to come again */
  readonly retryAfterMillis: number | null;
  /** a machine that the refused request left behind all the same, and that costs */
  readonly leaves: string | null;

  constructor(
    fault: ConnectorFault,
    message: string,
    { retryAfterMillis = null, leaves = null, cause }: { retryAfterMillis?: number | null; leaves?: string | null; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.name = 'ConnectorError';
    this.fault = fault;
    this.retryAfterMillis = retryAfterMillis;
    this.leaves = leaves;
  }
}

/** As a ConnectorError, or null for what is none of a provider's doing. */
export const asConnectorError = (error: unknown): ConnectorError | null => (error instanceof ConnectorError ? error : null);
