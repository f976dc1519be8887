/** Asks before something is done that cannot be taken back, says what will happen, and shows the request for those who script it. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import { PlaneDown, perform } from '../plane/ask.ts';
import { newKey } from '../plane/key.ts';
import type { Recipe } from '../plane/recipe.ts';
import { CopyAs } from './copy-as.tsx';
import { Dialog } from './dialog.tsx';
import { notify } from './notices.tsx';
import { closeDialog } from './open-dialog.tsx';
import { Problem } from './problem.tsx';

interface ActionDialogProps<Answer> {
  /** "Stop this run?" */
  readonly title: string;
  /** the button: "Stop" */
  readonly verb: string;
  readonly isDangerous?: boolean;
  readonly recipe: () => Recipe;
  readonly children: ComponentChildren;
  /** what to say when it is done */
  readonly done: string;
  readonly onDone: (answer: Answer) => void;
}

export function ActionDialog<Answer>({ title, verb, isDangerous = false, recipe, children, done, onDone }: ActionDialogProps<Answer>) {
  const problem = useSignal<Error | null>(null);
  const isBusy = useSignal(false);
  const key = useRef(newKey()); // one dialog is one action: a second try after a lost answer does it once

  const act = async () => {
    isBusy.value = true;
    problem.value = null;
    try {
      const answer = await perform<Answer>(recipe(), key.current);
      notify(done);
      closeDialog();
      onDone(answer);
    } catch (error) {
      problem.value = error instanceof Error ? error : new Error(String(error));
      if (!(error instanceof PlaneDown)) key.current = newKey();
    } finally {
      isBusy.value = false;
    }
  };

  return (
    <Dialog title={title} onClose={closeDialog}>
      {children}
      <Problem problem={problem.value} />
      <div class="dialog-buttons">
        <CopyAs recipe={recipe} what={verb} />
        <span class="spring" />
        <button type="button" onClick={closeDialog}>
          Keep it as it is
        </button>
        <button type="button" class={isDangerous ? 'danger' : 'primary'} disabled={isBusy.value} onClick={() => void act()}>
          {isBusy.value ? `${verb} …` : verb}
        </button>
      </div>
    </Dialog>
  );
}
