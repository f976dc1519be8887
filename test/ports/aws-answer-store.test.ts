import { openTable } from '../support/table-world.ts';
import { answerStoreContract } from './answer-store.contract.ts';

answerStoreContract(() => openTable());
