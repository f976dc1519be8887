/** Datasets as people read them. */
import type { Dataset, DatasetPreview } from '../plane/places.ts';
import type { Colors } from '../session.ts';
import { cutLine, renderTable } from './table.ts';
import { describeAge, describeBytes, describeCount } from './words.ts';

export function describeDatasets(datasets: readonly Dataset[], colors: Colors, terminalColumns: number | undefined): string {
  if (datasets.length === 0) return 'no datasets yet';
  return renderTable(
    datasets,
    [
      { title: 'dataset', cell: ({ uri }) => uri },
      { title: 'rows', isNumber: true, cell: ({ rows }) => rows?.toLocaleString('en-US') ?? 'not counted' },
      { title: 'format', cell: ({ format }) => format ?? '' },
      { title: 'size', isNumber: true, cell: ({ size_bytes }) => (size_bytes === null ? '' : describeBytes(size_bytes)) },
      { title: 'age', isNumber: true, cell: ({ stored_at }) => describeAge(stored_at, Date.now()) },
      { title: 'sha-256', cell: ({ sha256 }) => colors.dim(sha256?.slice(0, 12) ?? '') },
    ],
    { colors, terminalColumns },
  );
}

export function describeDataset({ items, ...dataset }: DatasetPreview, colors: Colors, terminalColumns: number | undefined): string {
  const head = [
    colors.bold(dataset.uri),
    dataset.rows === null ? 'rows not counted' : describeCount(dataset.rows, 'row'),
    dataset.format,
    dataset.size_bytes === null ? null : describeBytes(dataset.size_bytes),
  ];
  const rows = items.map((row) => cutLine(`  ${JSON.stringify(row)}`, terminalColumns));
  return [head.filter((fact) => fact !== null).join('  '), ...rows].join('\n');
}
