/** Saved configurations as people read them. */
import { stringify } from 'yaml';
import type { Config, SavedConfig } from '../plane/sft.ts';
import type { Colors } from '../session.ts';
import { wordOf } from './run-words.ts';
import { renderTable } from './table.ts';

const SHOWN_APART: ReadonlySet<string> = new Set(['base_model', 'dataset_name']);

export function describeConfigs(configs: readonly SavedConfig[], colors: Colors, terminalColumns: number | undefined): string {
  if (configs.length === 0) return 'no configurations are saved yet';
  const part = (config: Config, name: string): string => (config[name] === undefined ? '' : wordOf(config[name]));
  return renderTable(
    configs,
    [
      { title: 'config', cell: ({ config_id }) => config_id },
      { title: 'name', cell: ({ name }) => colors.bold(name) },
      { title: 'base', cell: ({ config }) => part(config, 'base_model') },
      { title: 'data', cell: ({ config }) => part(config, 'dataset_name') },
      {
        title: 'else',
        cell: ({ config }) =>
          colors.dim(
            Object.entries(config)
              .flatMap(([name, value]) => (SHOWN_APART.has(name) ? [] : [`${name}=${wordOf(value)}`]))
              .join(' '),
          ),
      },
    ],
    { colors, terminalColumns },
  );
}

export const renderConfig = (config: Config): string => stringify(config).trimEnd();
