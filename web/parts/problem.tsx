import { PlaneDown, PlaneError, PlaneLocked } from '../plane/ask.ts';

/** What went wrong, in the plane's own words, each problem on its line. */
export function Problem({ problem }: { readonly problem: Error | null }) {
  if (problem === null || problem instanceof PlaneLocked) return null;
  const problems = problem instanceof PlaneError ? problem.problems : [];
  return (
    <div class="problem" role="alert">
      <strong>{problem instanceof PlaneError ? problem.title : problem instanceof PlaneDown ? 'No answer' : 'Something went wrong'}</strong>
      {problems.length > 0 ? (
        <ul>
          {problems.map(({ path, message }) => (
            <li key={path + message}>
              {path && <code>{path}</code>} {message}
            </li>
          ))}
        </ul>
      ) : (
        <p>{problem.message}</p>
      )}
    </div>
  );
}
