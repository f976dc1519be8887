import { comingAgain, describeBoth } from '../support/hostile-aws/hostile-aws.ts';
import { makeDynamoClient, openTable } from '../support/table-world.ts';
import { runStoreContract } from './run-store.contract.ts';

const REPORT_SENT_TWICE =
  'a report whose reply was lost meets itself when the SDK sends it again, and counts as older; nobody asks for this answer';

describeBoth((harden, kind) =>
  runStoreContract(
    async () => {
      const world = await openTable(harden(makeDynamoClient()));
      return { ...world, runs: comingAgain(world.runs) };
    },
    kind === 'hostile' ? { 'keeps the newest progress and refuses an older one': REPORT_SENT_TWICE } : {},
  ),
);
