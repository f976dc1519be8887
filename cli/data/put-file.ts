import { resolve } from 'node:path';
import { CLIENT_NAME } from '#domain/ids.ts';
import { usageFailure } from '../exit-code.ts';
import type { Session } from '../session.ts';
import { describeDatasets } from '../text/dataset-words.ts';
import { describeLocalFile, nameOf } from './local-file.ts';
import { storeDataset } from './store-dataset.ts';

/** `datasets put`. @param name null: the content's own */
export async function putFile(session: Session, given: string, name: string | null): Promise<void> {
  const path = resolve(session.world.workingFolder, given);
  if (name !== null && !CLIENT_NAME.test(name))
    throw usageFailure(
      `the name of a dataset must be 1 to 128 letters, digits, '.', '_' or '-', and begin with a letter or digit, got '${name}'`,
    );
  const file = await describeLocalFile(path);
  if (file === null) throw usageFailure(`there is no file ${path}`);
  const plane = await session.plane();
  const dataset = await storeDataset(session, plane, name ?? nameOf(file), file);
  session.print('datasets put', dataset, (colors) => describeDatasets([dataset], colors, session.terminalColumns));
}
