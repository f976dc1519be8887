import { openLocalStores } from '../support/local-stores.ts';
import { runStoreContract } from './run-store.contract.ts';

runStoreContract(openLocalStores);
