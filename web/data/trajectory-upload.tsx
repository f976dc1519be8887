import { useSignal } from '@preact/signals';
import { useId, useRef } from 'preact/hooks';
import { notify } from '../parts/notices.tsx';
import { Problem } from '../parts/problem.tsx';
import { perform } from '../plane/ask.ts';
import { nameFromFile } from './peek-rows.ts';

/** A conversation from a JSON file: its name is the file's, and the plane says what of it is no conversation. */
export function TrajectoryUpload({ onStored }: { readonly onStored: (id: string) => void }) {
  const problem = useSignal<Error | null>(null);
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  const store = async (file: File | undefined) => {
    if (!file) return;
    problem.value = null;
    try {
      const name = nameFromFile(file.name);
      const text = { content: await file.text(), contentType: 'application/json', file: file.name };
      await perform({ method: 'PUT', path: `/trajectories/${encodeURIComponent(name)}`, text });
      notify(`stored as ${name}`);
      onStored(name);
    } catch (error) {
      problem.value = error instanceof Error ? error : new Error(String(error));
    } finally {
      if (input.current) input.current.value = ''; // the same file, corrected, may be chosen again
    }
  };
  return (
    <>
      <p class="part-head">
        <label for={id}>Store a conversation from a file, {'{"messages": [{"role", "content"} ...]}'}</label>
        <input id={id} ref={input} type="file" accept=".json" onChange={() => void store(input.current?.files?.[0])} />
      </p>
      <Problem problem={problem.value} />
    </>
  );
}
