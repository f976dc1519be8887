import { Shown } from '../parts/blank.tsx';
import { useAnswer } from '../plane/use-answer.ts';
import type { CheckpointDetail } from '../plane/wire.ts';
import { FileTable } from './file-table.tsx';

export function CheckpointFiles({ runId, name }: { readonly runId: string; readonly name: string }) {
  const checkpoint = useAnswer<CheckpointDetail>(`/runs/${encodeURIComponent(runId)}/checkpoints/${encodeURIComponent(name)}`);
  return (
    <Shown value={checkpoint.value.value} problem={checkpoint.problem.value} what="files">
      {({ files }) => <FileTable files={files} label={`Files of ${name}`} />}
    </Shown>
  );
}
