/** Faults that the SDK knows as passing, so that it sends the request again. */

/** The request arrived, its answer did not. */
export const lostReply = (): Error => Object.assign(new Error('socket hang up'), { name: 'TimeoutError', code: 'ECONNRESET' });

/** Nothing was done. */
export const internalError = (): Error =>
  Object.assign(new Error('We encountered an internal error. Please try again.'), {
    name: 'InternalError',
    $metadata: { httpStatusCode: 500 },
  });
