import { useSignal } from '@preact/signals';
import { ActionDialog } from '../parts/action-dialog.tsx';
import { TextField } from '../parts/text-field.tsx';
import type { Recipe } from '../plane/recipe.ts';
import type { Project } from '../plane/wire.ts';

interface ProjectDialogProps {
  /** null: a new one */
  readonly project: Project | null;
  readonly onSaved: (project: Project) => void;
}

/** The objective has no option there. */
function projectWords({
  name,
  base_model,
  description,
  owner,
}: Readonly<Record<'name' | 'base_model' | 'description' | 'owner', string | null>>): string[] {
  const options = { '--base': base_model, '--description': description, '--owner': owner };
  return [name ?? '', ...Object.entries(options).flatMap(([option, value]) => (value === null ? [] : [option, value]))];
}

export function ProjectDialog({ project, onSaved }: ProjectDialogProps) {
  const name = useSignal(project?.name ?? '');
  const description = useSignal(project?.description ?? '');
  const objective = useSignal(project?.objective ?? '');
  const base = useSignal(project?.base_model ?? '');
  const owner = useSignal(project?.owner ?? '');
  const body = () => ({
    name: name.value.trim(),
    description: description.value.trim() || null,
    objective: objective.value.trim() || null,
    base_model: base.value.trim() || null,
    owner: owner.value.trim() || null,
  });
  const recipe = (): Recipe =>
    project === null
      ? { method: 'POST', path: '/projects', body: body(), command: ['projects', 'create', ...projectWords(body())] }
      : { method: 'PATCH', path: `/projects/${encodeURIComponent(project.id)}`, body: body() };
  return (
    <ActionDialog<Project>
      title={project === null ? 'New project' : `Edit ${project.name}`}
      verb={project === null ? 'Create' : 'Save'}
      recipe={recipe}
      done={project === null ? 'created' : 'saved, and kept in its history'}
      onDone={onSaved}
    >
      <TextField label="Name" value={name} isRequired />
      <TextField label="Base model" value={base} hint="what its runs start from where they name none, for instance tiny-llama" />
      <TextField label="Objective" value={objective} />
      <TextField label="Description" value={description} />
      <TextField label="Owner" value={owner} />
    </ActionDialog>
  );
}
