import type { ComponentChildren } from 'preact';

interface ScrollBoxProps {
  readonly label: string;
  readonly class: string;
  readonly children: ComponentChildren;
}

/** A place that scrolls by itself can be reached with the keyboard, and says what it holds. */
export const ScrollBox = ({ label, class: name, children }: ScrollBoxProps) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: who has no mouse scrolls it by the arrow keys (WCAG 2.1.1)
  <section class={name} aria-label={label} tabIndex={0}>
    {children}
  </section>
);
