import { openLocalStores } from '../support/local-stores.ts';
import { documentStoreContract } from './document-store.contract.ts';

documentStoreContract(openLocalStores);
