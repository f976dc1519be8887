import { openTable } from '../support/table-world.ts';
import { runStoreContract } from './run-store.contract.ts';

runStoreContract(() => openTable());
