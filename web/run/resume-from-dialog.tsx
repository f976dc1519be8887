/** A new run that goes on from a checkpoint of this one: what is given here is laid over its configuration. */
import { useSignal } from '@preact/signals';
import { ActionDialog } from '../parts/action-dialog.tsx';
import { TextField } from '../parts/text-field.tsx';
import type { Recipe } from '../plane/recipe.ts';
import type { Checkpoint, ProjectRun, RunDetail } from '../plane/wire.ts';
import { navigate } from '../route/route.ts';

export function ResumeFromDialog({ detail, checkpoint }: { readonly detail: RunDetail; readonly checkpoint: Checkpoint }) {
  const name = useSignal('');
  const steps = useSignal(String(detail.progress?.steps ?? ''));
  const rate = useSignal('');
  const recipe = (): Recipe => ({
    method: 'POST',
    path: `/projects/${encodeURIComponent(detail.project_id)}/runs/${encodeURIComponent(detail.id)}/resume?source_artifact_id=${encodeURIComponent(checkpoint.id)}`,
    body: {
      ...(name.value.trim() && { name: name.value.trim() }),
      hyperparameters: {
        ...(steps.value.trim() && { max_steps: toNumber(steps.value) }),
        ...(rate.value.trim() && { learning_rate: toNumber(rate.value) }),
      },
    },
    command: [
      ...['resume', detail.id, '--from', checkpoint.id, '-d'],
      ...(name.value.trim() ? ['--name', name.value.trim()] : []),
      ...(steps.value.trim() ? ['--max-steps', steps.value.trim()] : []),
      ...(rate.value.trim() ? ['--learning-rate', rate.value.trim()] : []),
    ],
  });
  return (
    <ActionDialog<ProjectRun>
      title={`Resume from step ${checkpoint.step}`}
      verb="Start the run"
      recipe={recipe}
      done="accepted: the new run goes on from the checkpoint"
      onDone={({ id }) => navigate(['runs', id])}
    >
      <p>
        A new run starts with the weights, the optimizer and the data order of this checkpoint. This run stays as it is, and the checkpoint
        is kept.
      </p>
      <TextField label="Name" value={name} hint="default: its id" />
      <TextField label="Steps in all" value={steps} hint={`above ${checkpoint.step}; those before the checkpoint count`} mode="numeric" />
      <TextField label="Learning rate" value={rate} hint="default: as before" mode="decimal" />
    </ActionDialog>
  );
}

/** What is no number goes out as it was typed, and the plane says what it must be. */
const toNumber = (text: string): number | string => (Number.isFinite(Number(text)) ? Number(text) : text);
