import { ERROR_TITLES, type ErrorTitles, plainErrors, type Surface, toErrorBody } from '#http/surface.ts';
import { attemptRoutes } from './routes.ts';
import { workerRoutes } from './worker-routes.ts';

const TITLES = {
  ...ERROR_TITLES,
  run_not_found: 'Attempt not found',
  name_taken: 'Taken by another machine',
  transition_refused: 'Not open',
} satisfies ErrorTitles;

export const attemptsSurface: Surface = {
  name: 'attempts',
  description: 'For machines that train: each wants the token of its attempt, a worker its own',
  routes: [...attemptRoutes, ...workerRoutes],
  errors: { ...plainErrors.errors, body: (error) => toErrorBody(error, TITLES) },
};
