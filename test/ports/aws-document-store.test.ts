import { comingAgain, describeBoth } from '../support/hostile-aws/hostile-aws.ts';
import { makeDynamoClient, openTable } from '../support/table-world.ts';
import { documentStoreContract } from './document-store.contract.ts';

const TAKEN_FOR_NOBODY =
  'where the reply to a delete is lost, the one that is sent again finds nothing: nobody has the ticket, and its owner asks for another';

describeBoth((harden, kind) =>
  documentStoreContract(
    async () => {
      const world = await openTable(harden(makeDynamoClient()));
      return { ...world, documents: comingAgain(world.documents) };
    },
    kind === 'hostile' ? { 'gives a document that is taken to one of 20 callers, and to nobody after': TAKEN_FOR_NOBODY } : {},
  ),
);
