import { findRunId } from '../plane/find-run.ts';
import { type Artifact, listArtifacts } from '../plane/runs.ts';
import type { Colors, Session } from '../session.ts';
import { type Column, renderTable } from '../text/table.ts';
import { describeAge, describeBytes } from '../text/words.ts';

/** `artifacts ls`: results with their files, then checkpoints. */
export async function printArtifacts(session: Session, reference: string): Promise<void> {
  const plane = await session.plane();
  const id = await findRunId(plane, reference);
  const items = await listArtifacts(plane, id);
  session.print('artifacts ls', { items }, (colors) => {
    if (items.length === 0) return `${id} has made nothing yet`;
    const rows = items.flatMap((artifact) => [artifact, ...artifact.files.map((file) => ({ ...file, isFile: true as const }))]);
    return renderTable(rows, columnsOf(colors), { colors, terminalColumns: session.terminalColumns });
  });
}

type Row = Artifact | (Artifact['files'][number] & { readonly isFile: true });

const columnsOf = (colors: Colors): readonly Column<Row>[] => [
  { title: 'id, file', cell: (row) => ('isFile' in row ? colors.dim(`  ${row.path}`) : row.id) },
  { title: 'what', cell: (row) => ('isFile' in row ? '' : row.name) },
  { title: 'size', isNumber: true, cell: (row) => describeBytes(row.size_bytes) },
  { title: 'age', isNumber: true, cell: (row) => ('isFile' in row ? '' : describeAge(row.created_at, Date.now())) },
  {
    title: 'tags',
    cell: (row) => ('isFile' in row ? colors.dim(row.sha256.slice(0, 12)) : colors.green(row.tags.map(({ value }) => value).join(', '))),
  },
];
