import { useSignal } from '@preact/signals';
import { ActionDialog } from '../parts/action-dialog.tsx';
import { TextField } from '../parts/text-field.tsx';
import type { Recipe } from '../plane/recipe.ts';
import type { SavedConfigReceipt } from '../plane/wire.ts';
import { configWords } from './ways.ts';

/** @param recipe the request that would start the run: its configuration is what is saved */
export function SaveConfigDialog({ recipe }: { readonly recipe: () => Recipe }) {
  const name = useSignal('');
  const toRecipe = (): Recipe => {
    const { config } = Object(recipe().body);
    return {
      method: 'POST',
      path: '/api/sft/configs',
      body: { name: name.value.trim(), config },
      command: ['configs', 'save', name.value.trim(), ...configWords(Object(config))],
    };
  };
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
