/** Shows an address in a browser, where there is one. */
import { spawn } from 'node:child_process';
import type { World } from './world.ts';

/** @returns whether a program was found that takes it */
export async function openBrowser(url: string, variables: World['variables']): Promise<boolean> {
  const hasDesktop = process.platform === 'darwin' || variables['DISPLAY'] || variables['WAYLAND_DISPLAY'];
  const ofDesktop = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const program = variables['BROWSER'] || (hasDesktop ? ofDesktop : null);
  if (!program) return false;
  return new Promise((resolve) => {
    const child = spawn(program, [url], { stdio: 'ignore', detached: true });
    child.once('error', () => resolve(false));
    child.once('spawn', () => {
      child.unref();
      resolve(true);
    });
  });
}
