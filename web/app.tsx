/** The dashboard. It knows the plane by its public API alone, and what it shows can all be had from there. */
import { render } from 'preact';
import { fetchInPeace } from './parts/lazy.tsx';
import { Shell } from './shell/shell.tsx';
import { listenForShortcuts } from './shell/shortcuts.tsx';
import './style/app.css';

const root = document.getElementById('app');
if (root === null) throw new Error('index.html has no #app');
root.replaceChildren();
render(<Shell />, root);
listenForShortcuts();
fetchInPeace();
