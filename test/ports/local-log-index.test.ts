import { openLocalStores } from '../support/local-stores.ts';
import { logIndexContract } from './log-index.contract.ts';

logIndexContract(openLocalStores);
