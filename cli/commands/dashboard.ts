import { type Command, describeExamples } from '../command.ts';
import type { Session } from '../session.ts';

export const define = (command: Command, session: Session) =>
  command
    .description("Open the plane's pages in a browser: $BROWSER, else the one of this desktop.")
    .option('--no-open', 'only print the address')
    .addHelpText('after', describeExamples([{ line: 'dashboard', about: 'opens the plane\'s "/"' }]))
    // Commander looks for lone --no-... options before a command is loaded, so their default is given here.
    .action(async ({ open = true }) => {
      const [plane, { openBrowser }] = await Promise.all([session.plane(), import('../open-browser.ts')]);
      await plane.answer({ method: 'GET', path: '/healthz' }); // better told here than by an empty window
      const url = `${plane.url}/`;
      const opened = open && (await openBrowser(url, session.world.variables));
      session.print('dashboard', { url, opened }, () => (opened ? `opened ${url}` : url));
      if (open && !opened) session.note('no browser was found here: set BROWSER, or open the address elsewhere');
    });
