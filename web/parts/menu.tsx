/** A button with a list of choices under it. The list is a popover: it closes on Escape and on a click elsewhere by itself. */
import type { ComponentChildren, TargetedToggleEvent } from 'preact';
import { useId, useRef } from 'preact/hooks';

interface Choice {
  readonly label: string;
  readonly onChoose: () => void;
}

interface MenuProps {
  readonly label: ComponentChildren;
  /** what it is for, where the label alone does not say it */
  readonly title: string;
  readonly choices: readonly Choice[];
}

export function Menu({ label, title, choices }: MenuProps) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);

  const place = (event: TargetedToggleEvent<HTMLDivElement>) => {
    const [anchor, panel] = [button.current, list.current];
    if (event.newState !== 'open' || !anchor || !panel) return;
    const { left, bottom, top } = anchor.getBoundingClientRect();
    const room = window.innerHeight - bottom;
    panel.style.left = `${Math.max(4, Math.min(left, window.innerWidth - panel.offsetWidth - 8))}px`;
    panel.style.top = `${room < panel.offsetHeight + 8 ? top - panel.offsetHeight - 4 : bottom + 4}px`;
    panel.querySelector('button')?.focus();
  };

  return (
    <span class="menu">
      <button ref={button} type="button" popovertarget={id} aria-haspopup="menu" title={title}>
        {label}
      </button>
      <div ref={list} id={id} popover="auto" role="menu" aria-label={title} class="menu-list" onToggle={place} onKeyDown={moveAlong}>
        {choices.map((choice) => (
          <button
            key={choice.label}
            type="button"
            role="menuitem"
            onClick={() => {
              list.current?.hidePopover();
              choice.onChoose();
            }}
          >
            {choice.label}
          </button>
        ))}
      </div>
    </span>
  );
}

function moveAlong(event: KeyboardEvent): void {
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
  if (step === 0 || !(event.currentTarget instanceof HTMLElement)) return;
  const items = [...event.currentTarget.querySelectorAll('button')];
  const at = items.findIndex((item) => item.matches(':focus'));
  items[(at + step + items.length) % items.length]?.focus();
  event.preventDefault();
}
