import type { Signal } from '@preact/signals';
import { useId } from 'preact/hooks';

interface TextFieldProps {
  readonly label: string;
  readonly value: Signal<string>;
  readonly hint?: string;
  readonly mode?: 'text' | 'numeric' | 'decimal';
  readonly isRequired?: boolean;
}

export function TextField({ label, value, hint, mode = 'text', isRequired = false }: TextFieldProps) {
  const hintId = useId();
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="text"
        inputMode={mode}
        required={isRequired}
        aria-describedby={hint === undefined ? undefined : hintId}
        value={value.value}
        onInput={(event) => {
          value.value = event.currentTarget.value;
        }}
      />
      {hint !== undefined && (
        <small id={hintId} class="muted">
          {hint}
        </small>
      )}
    </label>
  );
}
