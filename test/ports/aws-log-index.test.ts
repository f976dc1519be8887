import { describeBoth } from '../support/hostile-aws/hostile-aws.ts';
import { makeDynamoClient, openTable } from '../support/table-world.ts';
import { logIndexContract } from './log-index.contract.ts';

describeBoth((harden) => logIndexContract(() => openTable(harden(makeDynamoClient()))));
