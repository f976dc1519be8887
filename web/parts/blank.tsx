/** What a place shows that has nothing to show: because nothing is there, because it is not there yet, or because it could not be had. */
import type { ComponentChildren } from 'preact';
import { Problem } from './problem.tsx';

interface EmptyProps {
  readonly title: string;
  /** it is all that the page holds */
  readonly isPage?: boolean;
  readonly children?: ComponentChildren;
}

export function Empty({ title, isPage = false, children }: EmptyProps) {
  return (
    <div class="blank">
      {isPage ? <h1>{title}</h1> : <h2>{title}</h2>}
      {children}
    </div>
  );
}

/** Lines in the shape of what will come. */
export function Loading({ what, lines = 6 }: { readonly what: string; readonly lines?: number }) {
  return (
    <div class="loading" role="status" aria-label={`Loading ${what}`}>
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} class="loading-line" style={{ width: `${92 - ((index * 17) % 40)}%` }} />
      ))}
    </div>
  );
}

/** The thing itself, once it is there; else why it is not. */
export function Shown<Value>({
  value,
  problem,
  what,
  children,
}: {
  readonly value: Value | null;
  readonly problem: Error | null;
  readonly what: string;
  readonly children: (value: Value) => ComponentChildren;
}) {
  if (value !== null) return <>{children(value)}</>;
  return problem === null ? <Loading what={what} /> : <Problem problem={problem} />;
}
