import type { PlaneClient } from '../plane/plane-client.ts';
import { type Config, getConfig, saveConfig } from '../plane/sft.ts';
import type { Session } from '../session.ts';
import { layOver } from './assignments.ts';
import { readSource } from './run-source.ts';

/**
 * `configs save`. Data stay as they are named: what lies here is not looked for, since the configuration outlives this machine's files.
 * @throws PlaneRefusal with all that is wrong
 */
export async function saveSource(
  session: Session,
  name: string,
  source: string | null,
  { data, config }: { readonly data: string | null; readonly config: Config },
): Promise<void> {
  const plane = await session.plane();
  const read = await readSource(plane, source, session.world);
  const whole = layOver(await withSaved(plane, read.config), { ...config, ...(data !== null && { dataset_name: data }) });
  const saved = await saveConfig(plane, name, whole);
  session.print(
    'configs save',
    saved,
    (colors) => `${saved.config_id}  ${colors.bold(saved.name)}\n  ${session.sayCommand(`train ${saved.name}`)}`,
  );
}

/** A configuration that is saved anew is whole: it does not lean on another. */
async function withSaved(plane: PlaneClient, { config_id: id, ...own }: Config): Promise<Config> {
  return typeof id === 'string' ? { ...(await getConfig(plane, id)).config, ...own } : own;
}
