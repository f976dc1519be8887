import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { UploadDialog } from '../data/upload-dialog.tsx';
import { CopyAs } from '../parts/copy-as.tsx';
import { notify } from '../parts/notices.tsx';
import { openDialog } from '../parts/open-dialog.tsx';
import { Problem } from '../parts/problem.tsx';
import { ScrollBox } from '../parts/scroll-box.tsx';
import { useAnswer } from '../plane/use-answer.ts';
import type { DatasetList, ProjectSummary, SavedConfig, SessionList } from '../plane/wire.ts';
import { navigate, route } from '../route/route.ts';
import { groupFields } from './field-groups.ts';
import { FieldInput } from './field-input.tsx';
import { keyOf } from './form-body.ts';
import { SaveConfigDialog } from './save-config-dialog.tsx';
import type { OpenApi } from './schema-fields.ts';
import { createStartForm, fillFrom, problemOf, type StartForm } from './start-form.ts';
import { WAYS, type WayName } from './ways.ts';

export function StartFormView({ document }: { readonly document: OpenApi }) {
  const { query } = route.value;
  const form = useMemo(() => createStartForm(document, query), []);
  const fillProblem = useSignal<Error | null>(null);
  useEffect(() => {
    fillFrom(form, query).catch((error: unknown) => {
      fillProblem.value = error instanceof Error ? error : new Error(String(error));
    });
  }, [query['clone'], query['config']]);
  const datasets = useAnswer<DatasetList>('/datasets?limit=1000');
  const sessions = useAnswer<SessionList>('/sessions?limit=1000');
  const datasetNames = (datasets.value.value?.items ?? []).map(({ uri }) => uri);
  const suggestions: Readonly<Record<string, readonly string[]>> = {
    base_model: ['tiny-llama'],
    dataset_name: datasetNames,
    dataset: datasetNames,
    session_id: (sessions.value.value?.items ?? []).map(({ session_id }) => session_id),
  };
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const id = await form.submit();
    if (id !== null) {
      notify('accepted: it will run');
      navigate(['runs', id]);
      return;
    }
    requestAnimationFrame(() => window.document.querySelector<HTMLElement>('.start [aria-invalid="true"]')?.focus());
  };
  const uploaded = (uri: string) => {
    datasets.refresh();
    const field = form.fields.peek().find(({ name }) => name === 'dataset_name' || name === 'dataset');
    if (field) form.setField(keyOf(field), uri);
  };

  return (
    <form class="start" onSubmit={(event) => void submit(event)} noValidate>
      <div class="start-fields">
        <StartFrom form={form} onUpload={() => openDialog(<UploadDialog kind="dataset" onStored={uploaded} />)} />
        <Problem problem={fillProblem.value ?? form.problem.value} />
        {groupFields(form.fields.value).map(({ title, isOpen, fields }) => {
          const given = fields.filter((field) => form.typed.value[keyOf(field)]).length;
          const wrong = fields.filter((field) => problemOf(form.problem.value, keyOf(field)) !== null).length;
          return (
            <details key={title} open={isOpen || given > 0 || wrong > 0}>
              <summary>
                {title} {given > 0 && <span class="muted">{given} given</span>}
                {wrong > 0 && <span class="fault">{wrong} to correct</span>}
              </summary>
              <div class="field-grid">
                {fields.map((field) => (
                  <FieldInput
                    key={keyOf(field)}
                    field={field}
                    value={form.typed.value[keyOf(field)] ?? ''}
                    problem={problemOf(form.problem.value, keyOf(field))}
                    suggestions={suggestions[field.name]}
                    onInput={(text) => form.setField(keyOf(field), text)}
                  />
                ))}
              </div>
            </details>
          );
        })}
      </div>
      <Request form={form} />
    </form>
  );
}

function StartFrom({ form, onUpload }: { readonly form: StartForm; readonly onUpload: () => void }) {
  const configs = useAnswer<SavedConfig[]>('/api/sft/configs?limit=200');
  const projects = useAnswer<ProjectSummary[]>('/projects?limit=200');
  return (
    <div class="start-from">
      <label class="choice">
        <span>Start it</span>
        <select
          value={form.way.value}
          onChange={(event) => form.choose(WAYS.find(({ name }) => name === event.currentTarget.value)?.name ?? ('sft' satisfies WayName))}
        >
          {WAYS.map(({ name, label }) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
        </select>
      </label>
      {form.way.value === 'project' && (
        <label class="choice">
          <span>Project</span>
          <select
            value={form.project.value}
            onChange={(event) => {
              form.project.value = event.currentTarget.value;
            }}
          >
            {(projects.value.value ?? []).map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
      )}
      {form.way.value === 'sft' && (configs.value.value?.length ?? 0) > 0 && (
        <label class="choice">
          <span>Saved configuration</span>
          <select value="" onChange={(event) => navigate(['new'], { config: event.currentTarget.value })}>
            <option value="">choose …</option>
            {(configs.value.value ?? []).map(({ config_id, name }) => (
              <option key={config_id} value={config_id}>
                {name}
              </option>
            ))}
          </select>
        </label>
      )}
      <button type="button" onClick={onUpload}>
        Upload a data set
      </button>
    </div>
  );
}

/** The request as it would be sent now, with what can be done with it. */
function Request({ form }: { readonly form: StartForm }) {
  void form.typed.value;
  void form.way.value;
  void form.project.value;
  const { method, path, body } = form.recipe();
  return (
    <aside class="start-request" aria-label="The request">
      <h2>
        {method} {path}
      </h2>
      <ScrollBox class="text-box" label="Its body">
        <pre>{JSON.stringify(body, null, 2)}</pre>
      </ScrollBox>
      <div class="dialog-buttons">
        <button type="submit" class="primary" disabled={form.isBusy.value}>
          {form.isBusy.value ? 'Starting …' : 'Start the run'}
        </button>
        {form.way.value === 'sft' && (
          <button type="button" onClick={() => openDialog(<SaveConfigDialog recipe={form.recipe} />)}>
            Save as configuration
          </button>
        )}
        <CopyAs what="Start the run" recipe={form.recipe} />
      </div>
    </aside>
  );
}
