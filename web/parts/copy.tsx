import { notify } from './notices.tsx';

/** @param what it is, for the words after: "URI" */
export async function copyText(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    notify(`${what} copied`);
  } catch {
    notify(`the browser does not let this page copy; here it is: ${text}`, true); // no secure origin, or no leave
  }
}

export function CopyButton({ text, what, label }: { readonly text: string; readonly what: string; readonly label?: string }) {
  return (
    <button type="button" class="plain" title={`Copy: ${text}`} aria-label={`Copy ${what}`} onClick={() => void copyText(text, what)}>
      {label ?? 'Copy'}
    </button>
  );
}
