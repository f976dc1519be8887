import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

interface FieldProps {
  readonly label: string;
  readonly hint?: string | undefined;
  /** the control; it takes this id, and is described by the hint where there is one */
  readonly children: (control: { readonly id: string; readonly 'aria-describedby': string | undefined }) => ComponentChildren;
}

/** A control with its name above and what helps to fill it below: the name is the label alone, so that it is read short. */
export function Field({ label, hint, children }: FieldProps) {
  const id = useId();
  const hintId = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, 'aria-describedby': hint === undefined ? undefined : hintId })}
      {hint !== undefined && (
        <small id={hintId} class="muted">
          {hint}
        </small>
      )}
    </div>
  );
}
