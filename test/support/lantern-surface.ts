/** A small API for tests of what all APIs share: lanterns are made, lit and looked at. */
import * as z from 'zod';
import { DomainError, InvalidRequest } from '#domain/errors.ts';
import { RUN_REQUEST_MAX_BODY_BYTES, route } from '#http/route.ts';
import { ERROR_TITLES, errorBodySchema, plainErrors, type Surface, toErrorBody } from '#http/surface.ts';

export const lanternSchema = z.strictObject({
  name: z.string().min(1).max(20),
  brightness: z.int().min(1).max(100).default(50),
  learning_rate: z.number().positive().max(1).optional(),
  color: z.enum(['amber', 'green', 'violet']).optional(),
  tags: z.array(z.string().max(5)).max(3).optional(),
});

const params = z.object({ lantern_id: z.string().max(40) });

export const lanternSurface: Surface = {
  name: 'lanterns',
  description: 'Lanterns, for tests.',
  errors: {
    ...plainErrors.errors,
    status: { ...plainErrors.errors.status, invalid_request: 422 },
    body: (error, { params: given }) => ({
      ...toErrorBody(error, { ...ERROR_TITLES, run_not_found: 'Lantern not found' }),
      lantern_id: given.lantern_id ?? null,
    }),
    schema: errorBodySchema.extend({ lantern_id: z.string().nullable() }).meta({ id: 'LanternError' }),
  },
  routes: [
    route({
      method: 'POST',
      path: '/lanterns',
      operationId: 'makeLantern',
      summary: 'Make a lantern',
      effect: 'creates',
      maxBodyBytes: RUN_REQUEST_MAX_BODY_BYTES,
      request: { body: lanternSchema },
      examples: { amber: { name: 'porch', color: 'amber' } },
      replies: { 201: { description: 'made', schema: z.strictObject({ lantern_id: z.string(), brightness: z.int() }) } },
      handle: async ({ body, remember }, { documents }) => {
        if (body.name === 'unfit') throw new InvalidRequest([{ path: 'name', message: 'does not fit' }]);
        if (body.name === 'busy') throw new DomainError('plane_busy', 'come back later');
        if (body.name === 'refused') throw new DomainError('transition_refused', 'no lantern may have that name');
        if (body.name === 'broken') throw new TypeError('secret text of a library');
        const reply = {
          status: 201,
          headers: { location: `/lanterns/${encodeURIComponent(body.name)}` },
          body: { lantern_id: body.name, brightness: body.brightness },
        };
        await documents.put('lanterns', body.name, body, remember(reply));
        return reply;
      },
    }),
    route({
      method: 'GET',
      path: '/lanterns',
      operationId: 'listLanterns',
      summary: 'List lanterns',
      request: {
        query: z.strictObject({
          limit: z.coerce.number().int().min(1).max(1_000).default(100),
          color: z.enum(['amber', 'green']).optional(),
        }),
      },
      replies: { 200: { description: 'lanterns', schema: z.array(z.strictObject({ lantern_id: z.string() })) } },
      handle: async ({ query }, { documents }) => ({
        status: 200,
        body: (await documents.list('lanterns', query.limit)).map(({ id }) => ({ lantern_id: id })),
      }),
    }),
    route({
      method: 'GET',
      path: '/lanterns/{lantern_id}',
      operationId: 'getLantern',
      summary: 'Look at a lantern',
      request: { params },
      errors: ['run_not_found'],
      replies: { 200: { description: 'a lantern', schema: z.record(z.string(), z.unknown()) } },
      handle: async ({ params: { lantern_id: id } }, { documents }) => {
        const lantern = await documents.get('lanterns', id);
        if (!lantern) throw new DomainError('run_not_found', `no lantern '${id}'`);
        return { status: 200, body: lantern };
      },
    }),
    route({
      method: 'POST',
      path: '/lanterns/{lantern_id}/light',
      operationId: 'lightLantern',
      summary: 'Light a lantern',
      effect: 'acts',
      request: { params },
      errors: ['run_not_found', 'transition_refused'],
      replies: { 200: { description: 'lit', schema: z.strictObject({ lit: z.int() }) } },
      handle: async ({ params: { lantern_id: id } }, { documents }) => {
        const lantern = await documents.get('lanterns', id);
        if (!lantern) throw new DomainError('run_not_found', `no lantern '${id}'`);
        const lit = z.int().parse(lantern.lit ?? 0) + 1;
        if (lit > 3) throw new DomainError('transition_refused', `lantern '${id}' burns as bright as it can`);
        await documents.put('lanterns', id, { ...lantern, lit });
        return { status: 200, body: { lit } };
      },
    }),
    route({
      method: 'GET',
      path: '/lanterns/hello',
      operationId: 'greetLanterns',
      summary: 'Greet all lanterns',
      auth: 'open',
      replies: { 200: { description: 'a greeting', schema: z.strictObject({ hello: z.string() }) } },
      handle: async () => ({ status: 200, body: { hello: 'lanterns' } }),
    }),
  ],
};
