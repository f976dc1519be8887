import { useSignal } from '@preact/signals';
import { ActionDialog } from '../parts/action-dialog.tsx';
import { Field } from '../parts/field.tsx';
import { TextField } from '../parts/text-field.tsx';
import type { Recipe } from '../plane/recipe.ts';
import type { RunDetail } from '../plane/wire.ts';

const TAGS = ['candidate', 'release', 'archived'];

interface TagDialogProps {
  readonly detail: RunDetail;
  readonly artifactId: string;
  readonly name: string;
  readonly onTagged: () => void;
}

export function TagDialog({ detail, artifactId, name, onTagged }: TagDialogProps) {
  const tag = useSignal('candidate');
  const notes = useSignal('');
  const recipe = (): Recipe => ({
    method: 'POST',
    path: `/projects/${encodeURIComponent(detail.project_id)}/runs/${encodeURIComponent(detail.id)}/artifacts/${encodeURIComponent(artifactId)}/tag`,
    body: { tag: tag.value, ...(notes.value.trim() && { notes: notes.value.trim() }) },
    command: ['tag', artifactId, tag.value, ...(notes.value.trim() ? ['--notes', notes.value.trim()] : [])],
  });
  return (
    <ActionDialog title={`Tag ${name}`} verb="Tag" recipe={recipe} done="tagged" onDone={onTagged}>
      <p>A tagged checkpoint is kept, and its run cannot be deleted. Tags add up in the order they are given.</p>
      <Field label="Tag">
        {(control) => (
          <select
            {...control}
            value={tag.value}
            onChange={(event) => {
              tag.value = event.currentTarget.value;
            }}
          >
            {TAGS.map((value) => (
              <option key={value}>{value}</option>
            ))}
          </select>
        )}
      </Field>
      <TextField label="Notes" value={notes} />
    </ActionDialog>
  );
}
