import { ERROR_TITLES, type ErrorTitles, plainErrors, type Surface, toErrorBody } from '#http/surface.ts';
import { attemptRoutes } from './routes.ts';

const TITLES = {
  ...ERROR_TITLES,
  run_not_found: 'Attempt not found',
  name_taken: 'Attempt taken',
  transition_refused: 'Attempt over',
} satisfies ErrorTitles;

export const attemptsSurface: Surface = {
  name: 'attempts',
  description: 'For machines that train: each wants the token of its attempt',
  routes: attemptRoutes,
  errors: { ...plainErrors.errors, body: (error) => toErrorBody(error, TITLES) },
};
