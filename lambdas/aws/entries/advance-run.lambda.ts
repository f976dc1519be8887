import { bindAdvanceRun } from '../bind/advance-run.ts';

export const handler = bindAdvanceRun();
