import { openLocalStores } from '../support/local-stores.ts';
import { answerStoreContract } from './answer-store.contract.ts';

answerStoreContract(openLocalStores);
