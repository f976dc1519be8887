import { bindDefault } from '../bind/default.ts';

export const handler = bindDefault();
