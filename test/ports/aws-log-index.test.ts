import { openTable } from '../support/table-world.ts';
import { logIndexContract } from './log-index.contract.ts';

logIndexContract(() => openTable());
