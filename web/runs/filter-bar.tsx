/** The filters of the list; what they say stands in the URL, so a filtered list can be sent to somebody. */
import type { Signal } from '@preact/signals';
import { showCount } from '../format/numbers.ts';
import { stateWord } from '../parts/state-badge.tsx';
import { useAnswer } from '../plane/use-answer.ts';
import type { ProjectSummary, ProviderList, RunState } from '../plane/wire.ts';
import { setQuery } from '../route/route.ts';
import { RUN_STATES, type RunFilter, toPattern } from './run-filter.ts';

const APIS = ['sft', 'training-svc', 'unified-trainer', 'orchestrator', 'management'];

interface FilterBarProps {
  readonly filter: RunFilter;
  /** how many of the loaded runs are in each state */
  readonly counts: Signal<ReadonlyMap<RunState, number>>;
  /** a list of one project's runs has no choice of project */
  readonly hasProject: boolean;
}

export function FilterBar({ filter, counts, hasProject }: FilterBarProps) {
  const pattern = toPattern(filter.text);
  const fault = typeof pattern === 'string' ? pattern : null;
  const providers = useAnswer<ProviderList>('/providers');
  const projects = useAnswer<ProjectSummary[]>(hasProject ? '/projects?limit=200' : null);
  const toggle = (state: RunState) => {
    const next = filter.states.includes(state) ? filter.states.filter((other) => other !== state) : [...filter.states, state];
    setQuery({ state: next.join(',') });
  };
  return (
    <search class="filters" aria-label="Filter the runs">
      <input
        type="search"
        class="filter-text"
        placeholder="Filter by regular expression: name, id, base, dataset"
        aria-label="Filter by regular expression"
        aria-invalid={fault !== null}
        aria-describedby={fault === null ? undefined : 'filter-fault'}
        data-shortcut="/"
        value={filter.text}
        onInput={(event) => setQuery({ q: event.currentTarget.value })}
      />
      {fault !== null && (
        <span id="filter-fault" class="fault" role="alert">
          {fault}
        </span>
      )}
      <fieldset class="chips" aria-label="States">
        {RUN_STATES.filter((state) => (counts.value.get(state) ?? 0) > 0 || filter.states.includes(state)).map((state) => (
          <button
            key={state}
            type="button"
            class={`chip state-${state}`}
            aria-pressed={filter.states.includes(state)}
            onClick={() => toggle(state)}
          >
            {stateWord(state)} <span class="count">{showCount(counts.value.get(state) ?? 0)}</span>
          </button>
        ))}
      </fieldset>
      <Choice name="api" label="API" value={filter.api} choices={APIS.map((api) => [api, api])} />
      <Choice
        name="provider"
        label="Provider"
        value={filter.provider}
        choices={(providers.value.value?.items ?? []).filter(({ configured }) => configured).map(({ name }) => [name, name])}
      />
      {hasProject && (
        <Choice
          name="project"
          label="Project"
          value={filter.project}
          choices={(projects.value.value ?? []).map(({ id, name }) => [id, name])}
        />
      )}
    </search>
  );
}

interface ChoiceProps {
  readonly name: string;
  readonly label: string;
  readonly value: string;
  readonly choices: readonly (readonly [value: string, label: string])[];
}

function Choice({ name, label, value, choices }: ChoiceProps) {
  const isListed = value === '' || choices.some(([choice]) => choice === value);
  return (
    <label class="choice">
      <span>{label}</span>
      <select value={value} onChange={(event) => setQuery({ [name]: event.currentTarget.value })}>
        <option value="">any</option>
        {!isListed && <option value={value}>{value}</option>}
        {choices.map(([choice, text]) => (
          <option key={choice} value={choice}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
