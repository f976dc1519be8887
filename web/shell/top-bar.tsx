import { showClock } from '../format/times.ts';
import { connection, reportLocked } from '../plane/connection.ts';
import { forgetToken, readToken } from '../plane/token.ts';
import { route } from '../route/route.ts';
import { routeText } from '../route/route-text.ts';
import { nextTheme, theme } from '../theme/theme.ts';
import { openShortcuts } from './shortcuts.tsx';

const PLACES = [
  { label: 'Runs', path: 'runs', key: 'r' },
  { label: 'Compare', path: 'compare', key: 'c' },
  { label: 'Data', path: 'data', key: 'd' },
  { label: 'Projects', path: 'projects', key: 'p' },
  { label: 'Machines', path: 'machines', key: 'm' },
] as const;

export function TopBar() {
  const here = route.value.path[0] ?? 'runs';
  return (
    <header class="top-bar">
      <button type="button" class="skip" onClick={skipToMain}>
        Skip to the content
      </button>
      <a class="mark" href={routeText(['runs'])}>
        Tuneplane
      </a>
      <nav aria-label="Places">
        {PLACES.map(({ label, path, key }) => (
          <a key={path} href={routeText([path])} aria-current={here === path ? 'page' : undefined} data-shortcut={`g ${key}`}>
            {label}
          </a>
        ))}
      </nav>
      <span class="spring" />
      <ConnectionWord />
      {connection.value.state === 'up' && readToken() !== null && (
        <button type="button" class="plain" title="Forget the token of this tab" onClick={lock}>
          Lock
        </button>
      )}
      <a href="/docs">API</a>
      <button type="button" class="plain" onClick={nextTheme} title="Light, dark, or as the system has it" data-shortcut="t">
        {theme.value === 'system' ? '◐' : theme.value === 'light' ? '☀' : '☾'}
        <span class="unseen">Theme: {theme.value}</span>
      </button>
      <button type="button" class="plain" onClick={openShortcuts} title="Keyboard shortcuts (?)" data-shortcut="?">
        ?<span class="unseen"> Keyboard shortcuts</span>
      </button>
    </header>
  );
}

/** No link: `#main` would be taken for a route. */
function skipToMain(): void {
  document.getElementById('main')?.focus();
}

function lock(): void {
  forgetToken();
  reportLocked(false);
}

function ConnectionWord() {
  const { value } = connection;
  if (value.state === 'up') return <span class="connection up">connected</span>;
  if (value.state === 'down') return <span class="connection down">no answer since {showClock(value.since)}</span>;
  return <span class="connection">{value.state === 'locked' ? 'locked' : 'connecting …'}</span>;
}
