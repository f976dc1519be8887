import { openTable } from '../support/table-world.ts';
import { documentStoreContract } from './document-store.contract.ts';

documentStoreContract(() => openTable());
