import { useSignal } from '@preact/signals';
import { ActionDialog } from '../parts/action-dialog.tsx';
import { TextField } from '../parts/text-field.tsx';
import type { Recipe } from '../plane/recipe.ts';
import type { SavedConfigReceipt } from '../plane/wire.ts';

/** @param recipe the request that would start the run: its configuration is what is saved */
export function SaveConfigDialog({ recipe }: { readonly recipe: () => Recipe }) {
  const name = useSignal('');
  const toRecipe = (): Recipe => ({
    method: 'POST',
    path: '/api/sft/configs',
    body: { name: name.value.trim(), ...Object(recipe().body) },
  });
  return (
    <ActionDialog<SavedConfigReceipt>
      title="Save this configuration"
      verb="Save"
      recipe={toRecipe}
      done="saved: it can be chosen when a run is started"
      onDone={() => {}}
    >
      <p>It is held to the same rules as a run. Variables for the trainer are not saved.</p>
      <TextField label="Name" value={name} isRequired />
    </ActionDialog>
  );
}
