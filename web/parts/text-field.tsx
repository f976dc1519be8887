import type { Signal } from '@preact/signals';
import { Field } from './field.tsx';

interface TextFieldProps {
  readonly label: string;
  readonly value: Signal<string>;
  readonly hint?: string;
  readonly mode?: 'text' | 'numeric' | 'decimal';
  readonly isRequired?: boolean;
}

export function TextField({ label, value, hint, mode = 'text', isRequired = false }: TextFieldProps) {
  return (
    <Field label={label} hint={hint}>
      {(control) => (
        <input
          {...control}
          type="text"
          inputMode={mode}
          required={isRequired}
          value={value.value}
          onInput={(event) => {
            value.value = event.currentTarget.value;
          }}
        />
      )}
    </Field>
  );
}
