import { plainErrors, type Surface } from '#http/surface.ts';
import { placeRoutes } from './place-routes.ts';
import { runRoutes } from './routes.ts';

export const runsSurface: Surface = {
  name: 'runs',
  description:
    'Every run, whichever API made it: state, progress, timeline, logs, metrics and what it made; stored datasets, providers and machines',
  routes: [...runRoutes, ...placeRoutes],
  ...plainErrors,
};
