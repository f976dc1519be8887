import { plainErrors, type Surface } from '#http/surface.ts';
import { runRoutes } from './routes.ts';

export const runsSurface: Surface = {
  name: 'runs',
  description: 'Every run, whichever API made it: state, progress, timeline, logs, metrics and what it made',
  routes: runRoutes,
  ...plainErrors,
};
