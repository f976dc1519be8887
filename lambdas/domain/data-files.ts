/** Which files of a folder are training data, and for what. */

const DATA_FILE = /^[^./][^/]*\.(jsonl|json|parquet)$/;
const EVAL_FILE = /^(eval|validation)/;
const TRAIN_FILE = /^train/;

export interface DataFileName {
  readonly name: string;
  readonly split: 'train' | 'eval';
}

/** In name order. `train*` and `eval*|validation*` are the splits; where no file is called train, all that are not for evaluation are for training. */
export function toSplits(names: readonly string[]): DataFileName[] {
  const files = names.filter((name) => DATA_FILE.test(name)).sort();
  const named = files.some((name) => TRAIN_FILE.test(name));
  return files.flatMap((name): DataFileName[] => {
    if (EVAL_FILE.test(name)) return [{ name, split: 'eval' }];
    return !named || TRAIN_FILE.test(name) ? [{ name, split: 'train' }] : [];
  });
}
