/** One field, in the shape that its schema asks for. Empty means that the plane decides, and the placeholder says what it takes. */
import { useId } from 'preact/hooks';
import { keyOf } from './form-body.ts';
import type { Field } from './schema-fields.ts';

interface FieldInputProps {
  readonly field: Field;
  readonly value: string;
  /** what the plane said of it */
  readonly problem: string | null;
  /** names to choose from, beside what is typed */
  readonly suggestions?: readonly string[] | undefined;
  readonly onInput: (text: string) => void;
}

export function FieldInput({ field, value, problem, suggestions, onInput }: FieldInputProps) {
  const id = useId();
  const hintId = useId();
  const hint = hintOf(field);
  return (
    <div class={problem === null ? 'field' : 'field wrong'}>
      <label for={id}>
        {field.name}
        {field.isRequired && <span class="required"> required</span>}
      </label>
      <Control id={id} field={field} value={value} isWrong={problem !== null} hintId={hintId} suggestions={suggestions} onInput={onInput} />
      <small id={hintId} class={problem === null ? 'muted' : 'fault'}>
        {problem ?? hint}
      </small>
    </div>
  );
}

type ControlProps = Omit<FieldInputProps, 'problem'> & { readonly id: string; readonly isWrong: boolean; readonly hintId: string };

function Control({ id, field, value, isWrong, hintId, suggestions, onInput }: ControlProps) {
  const listId = useId();
  const shared = {
    id,
    name: keyOf(field),
    'aria-invalid': isWrong,
    'aria-describedby': hintId,
    'aria-required': field.isRequired,
  } as const;
  switch (field.kind) {
    case 'choice':
    case 'boolean': {
      const choices = field.kind === 'choice' ? field.choices : ['true', 'false'];
      return (
        <select {...shared} value={value} onChange={(event) => onInput(event.currentTarget.value)}>
          <option value="">{field.fallback === '' ? 'default' : `default: ${field.fallback}`}</option>
          {choices.map((choice) => (
            <option key={choice}>{choice}</option>
          ))}
        </select>
      );
    }
    case 'list':
    case 'pairs':
      return (
        <textarea
          {...shared}
          rows={Math.max(2, Math.min(6, value.split('\n').length))}
          placeholder={field.kind === 'pairs' ? 'NAME=value, one a line' : field.fallback || 'one a line'}
          value={value}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      );
    default:
      return (
        <>
          <input
            {...shared}
            type="text"
            inputMode={field.kind === 'integer' ? 'numeric' : field.kind === 'number' ? 'decimal' : 'text'}
            placeholder={field.fallback || (field.example && `for instance ${field.example}`)}
            autocomplete="off"
            spellcheck={false}
            list={suggestions ? listId : undefined}
            value={value}
            onInput={(event) => onInput(event.currentTarget.value)}
          />
          {suggestions && (
            <datalist id={listId}>
              {suggestions.map((suggestion) => (
                <option key={suggestion} value={suggestion} />
              ))}
            </datalist>
          )}
        </>
      );
  }
}

/** Its bounds, then what it is; a default that the placeholder says already is not said twice. */
function hintOf({ bounds, description }: Field): string {
  return [bounds, description].filter((part) => part !== '').join(' · ');
}
