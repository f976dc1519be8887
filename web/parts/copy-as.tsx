/** Each action of the page is one request; here it is for a shell and for a script. */

import { type Recipe, toCommandLine, toCurl, toPython } from '../plane/recipe.ts';
import { readToken } from '../plane/token.ts';
import { copyText } from './copy.tsx';
import { Menu } from './menu.tsx';

/** @param recipe asked when it is copied, so that it holds what stands in the form then */
export function CopyAs({ recipe, what }: { readonly recipe: () => Recipe; readonly what: string }) {
  const copy = (toText: typeof toCurl, language: string) => () =>
    void copyText(toText(recipe(), location.origin, readToken() !== null), `${language} for "${what}"`);
  const hasCommand = recipe().command !== undefined;
  return (
    <Menu
      label="Copy as ▾"
      title={`Copy "${what}" as …`}
      choices={[
        ...(hasCommand ? [{ label: 'Command line', onChoose: copy(toCommandLine, 'Command line') }] : []),
        { label: 'curl', onChoose: copy(toCurl, 'curl') },
        { label: 'Python', onChoose: copy(toPython, 'Python') },
      ]}
    />
  );
}
