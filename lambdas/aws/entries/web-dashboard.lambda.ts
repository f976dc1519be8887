import { join } from 'node:path';
import { bindWebDashboard } from '../bind/web-dashboard.ts';

export const handler = bindWebDashboard(join(import.meta.dirname, 'dashboard'));
