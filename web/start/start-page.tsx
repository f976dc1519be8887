/** Start a run: the form is made of the plane's own document, so it asks for all that the plane takes, and for nothing else. */
import { Shown } from '../parts/blank.tsx';
import { useAnswer } from '../plane/use-answer.ts';
import type { OpenApi } from './schema-fields.ts';
import { StartFormView } from './start-form-view.tsx';

export function StartPage() {
  const document = useAnswer<OpenApi>('/openapi.json');
  return (
    <main class="page" id="main" tabIndex={-1}>
      <div class="page-head">
        <h1>Start a run</h1>
      </div>
      <Shown value={document.value.value} problem={document.problem.value} what="the form">
        {(openApi) => <StartFormView document={openApi} />}
      </Shown>
    </main>
  );
}
