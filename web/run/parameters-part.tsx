/** With what it trains: as it was asked for, as the trainer is told, and what was chosen for it and why. */

import { showDuration } from '../format/times.ts';
import { showValue } from '../format/values.ts';
import { Empty } from '../parts/blank.tsx';
import { CopyButton } from '../parts/copy.tsx';
import { ScrollBox } from '../parts/scroll-box.tsx';
import type { RunDetail } from '../plane/wire.ts';

export function ParametersPart({ detail }: { readonly detail: RunDetail }) {
  const { parameters, request, choices, compute, max_runtime_seconds, result } = detail;
  const machine = {
    nodes: compute.nodes,
    gpus_per_node: compute.gpus_per_node ?? 'one where there are any',
    gpu_type: compute.gpu_type ?? 'any',
    max_runtime: showDuration(max_runtime_seconds),
    ...(result?.base && { base: result.base.id, base_commit: result.base.commit ?? 'none' }),
  };
  return (
    <ScrollBox label="Parameters" class="scrolling parameters">
      <ValueTable title="Hyperparameters" values={parameters} nothing="not set" mark={(name) => Object.hasOwn(request, name)} />
      <div>
        <ValueTable title="Machine" values={machine} nothing="–" />
        <article>
          <h3>Chosen automatically</h3>
          {choices.length === 0 && <Empty title="Nothing was left to choose" />}
          <dl class="choices">
            {choices.map(({ name, value, reason }) => (
              <div key={name}>
                <dt>
                  <code>
                    {name} = {value}
                  </code>
                </dt>
                <dd class="muted">{reason}</dd>
              </div>
            ))}
          </dl>
        </article>
        <article>
          <h3>
            As it was asked for <CopyButton text={JSON.stringify(request, null, 2)} what="request" label="Copy" />
          </h3>
          <ScrollBox class="text-box" label="As it was asked for">
            <pre>{JSON.stringify(request, null, 2)}</pre>
          </ScrollBox>
        </article>
      </div>
    </ScrollBox>
  );
}

interface ValueTableProps {
  readonly title: string;
  readonly values: Readonly<Record<string, unknown>>;
  /** what null means here */
  readonly nothing: string;
  /** whether a value was given, and is no default */
  readonly mark?: (name: string) => boolean;
}

function ValueTable({ title, values, nothing, mark = () => false }: ValueTableProps) {
  return (
    <article>
      <h3>{title}</h3>
      <table class="plain-table values">
        <caption class="unseen">{title}</caption>
        <tbody>
          {Object.entries(values).map(([name, value]) => (
            <tr key={name}>
              <th scope="row">
                <code>{name}</code>
              </th>
              <td>{value === null ? <span class="muted">{nothing}</span> : showValue(value)}</td>
              <td class="muted">{mark(name) && 'given'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </article>
  );
}
