import { Empty, Shown } from '../parts/blank.tsx';
import { useAnswer } from '../plane/use-answer.ts';
import type { TrajectoryDetail, TrajectoryList } from '../plane/wire.ts';
import { navigate } from '../route/route.ts';
import { StoredTable } from './stored-table.tsx';
import { TrajectoryUpload } from './trajectory-upload.tsx';

export function TrajectoriesPart({ chosen }: { readonly chosen: string | null }) {
  const list = useAnswer<TrajectoryList>('/trajectories?limit=1000');
  return (
    <section aria-label="Trajectories">
      <p class="part-head muted">Conversations that a hypernetwork makes an adapter of: POST /train/hypernetwork names one by its id.</p>
      <TrajectoryUpload
        onStored={(id) => {
          list.refresh();
          navigate(['data', 'trajectories', id]);
        }}
      />
      <Shown value={list.value.value} problem={list.problem.value} what="trajectories">
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No trajectories are stored here" />
          ) : (
            <StoredTable
              caption="Trajectories"
              path={['data', 'trajectories']}
              chosen={chosen}
              items={items.map(({ trajectory_id, ...item }) => ({ ...item, id: trajectory_id }))}
            />
          )
        }
      </Shown>
      {chosen !== null && <Conversation key={chosen} id={chosen} />}
    </section>
  );
}

function Conversation({ id }: { readonly id: string }) {
  const trajectory = useAnswer<TrajectoryDetail>(`/trajectories/${encodeURIComponent(id)}`);
  return (
    <article class="stored">
      <h2>{id}</h2>
      <Shown value={trajectory.value.value} problem={trajectory.problem.value} what="the conversation">
        {({ messages }) => (
          <ol class="conversation">
            {messages.map((message, index) => {
              const { role, content, tool_calls } = Object(message);
              return (
                <li key={index} class={`said-by-${String(role)}`}>
                  <strong>{String(role)}</strong>
                  <p>{typeof content === 'string' ? content : JSON.stringify(tool_calls ?? content)}</p>
                </li>
              );
            })}
          </ol>
        )}
      </Shown>
    </article>
  );
}
