/** What a machine that was asked to train says to the plane: that it is there, and that it still is. */
import { bearerToken } from '#http/access.ts';
import { route } from '#http/route.ts';
import { claimAttempt, renewGrant } from '#operations/claim-attempt.ts';
import * as wire from './schemas.ts';
import { fromClaim, toAdmission, toRenewal } from './translate.ts';

const claim = route({
  method: 'POST',
  path: '/attempts/{attempt}/claim',
  operationId: 'claimAttempt',
  summary: 'Claim an attempt: one machine wins, and gets what it needs to train',
  description:
    'Wants the bootstrap token that the machine was started with. The first claim has the attempt; the same `claim_id` again gets the same answer with fresh credentials, any other 409. A machine that is refused has nothing to do and writes nothing.',
  auth: 'machine',
  request: { params: wire.attemptParams, body: wire.claimBody },
  replies: { 200: { description: 'The attempt is yours', schema: wire.admissionResponse } },
  errors: ['run_not_found', 'transition_refused', 'name_taken'],
  handle: async ({ params, body, headers }, ports) => ({
    status: 200,
    body: toAdmission(await claimAttempt(ports, params.attempt, bearerToken(headers), fromClaim(body))),
  }),
});

const renew = route({
  method: 'POST',
  path: '/attempts/{attempt}/renew',
  operationId: 'renewAttempt',
  summary: 'Renew the storage credentials of a claimed attempt',
  description:
    'Wants the session token of the claim. Asked at half of their life. 409: the attempt is over, and its trainer ends without writing anything more.',
  auth: 'machine',
  request: { params: wire.attemptParams },
  replies: { 200: { description: 'Fresh credentials', schema: wire.renewalResponse } },
  errors: ['run_not_found', 'transition_refused'],
  handle: async ({ params, headers }, ports) => ({
    status: 200,
    body: toRenewal(await renewGrant(ports, params.attempt, bearerToken(headers))),
  }),
});

export const attemptRoutes = [claim, renew];
