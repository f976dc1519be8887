import { bindSweeper } from '../bind/sweeper.ts';

export const handler = bindSweeper();
