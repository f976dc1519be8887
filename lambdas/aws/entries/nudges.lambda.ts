import { bindNudges } from '../bind/nudges.ts';

export const handler = bindNudges();
