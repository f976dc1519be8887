import { describeBoth } from '../support/hostile-aws/hostile-aws.ts';
import { makeDynamoClient, openTable } from '../support/table-world.ts';
import { answerStoreContract } from './answer-store.contract.ts';

describeBoth((harden) => answerStoreContract(() => openTable(harden(makeDynamoClient()))));
