/**
 * What every client of the SDK is told. A connection that hangs is given up long before the function is; what failed for a moment is tried
 * again by the SDK, with jitter. Region and credentials are those that Lambda gives.
 */
export const CLIENT_OPTIONS = { maxAttempts: 4, requestHandler: { connectionTimeout: 1_000, requestTimeout: 10_000 } } as const;
