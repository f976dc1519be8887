/** Where runs train: what is configured and what is missing, the machines that are there, and what an hour of them costs. */
import { Empty, Shown } from '../parts/blank.tsx';
import { useAnswer } from '../plane/use-answer.ts';
import type { ProviderList, WorkerList } from '../plane/wire.ts';
import { PriceField } from './price-field.tsx';
import { WorkerCard } from './worker-card.tsx';

const LOOK_MILLIS = 3_000;

export function MachinesPage() {
  const providers = useAnswer<ProviderList>('/providers', LOOK_MILLIS * 10);
  const workers = useAnswer<WorkerList>('/workers', LOOK_MILLIS);
  return (
    <main class="page" id="main" tabIndex={-1}>
      <div class="page-head">
        <h1>Machines</h1>
      </div>
      <section aria-label="Workers">
        <h2>Workers</h2>
        <Shown value={workers.value.value} problem={workers.problem.value} what="workers">
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="No machine is there" />
            ) : (
              <div class="workers">
                {items.map((worker) => (
                  <WorkerCard key={worker.name} worker={worker} />
                ))}
              </div>
            )
          }
        </Shown>
      </section>
      <section aria-label="Providers">
        <h2>Providers</h2>
        <p class="muted">
          The plane knows no prices. What you set here stays in this browser, and "cost" is machine time multiplied by it.
        </p>
        <Shown value={providers.value.value} problem={providers.problem.value} what="providers">
          {({ items }) => (
            <table class="plain-table">
              <caption class="unseen">Providers</caption>
              <thead>
                <tr>
                  <th scope="col">Provider</th>
                  <th scope="col">Configured</th>
                  <th scope="col">What it needs</th>
                  <th scope="col">US dollars an hour of a machine</th>
                </tr>
              </thead>
              <tbody>
                {items.map(({ name, configured, default: isDefault, remedy }) => (
                  <tr key={name}>
                    <th scope="row">{name}</th>
                    <td>
                      <span class={configured ? 'state state-completed' : 'muted'}>{configured ? '✓ yes' : '– no'}</span>
                      {isDefault && <span class="tag">default</span>}
                    </td>
                    <td>{remedy ?? <span class="muted">nothing: runs can go there</span>}</td>
                    <td>{configured && <PriceField provider={name} />}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </Shown>
      </section>
    </main>
  );
}
