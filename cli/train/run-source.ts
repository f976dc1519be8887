/** Where a configuration comes from: a YAML or JSON file, or one that was saved in the plane, by id or name. */
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { distance } from 'fastest-levenshtein';
import { parse } from 'yaml';
import { usageFailure } from '../exit-code.ts';
import type { PlaneClient } from '../plane/plane-client.ts';
import { type Config, getConfig, listConfigs, type SavedConfig } from '../plane/sft.ts';
import type { World } from '../world.ts';
import { isRecord } from './assignments.ts';

const CONFIG_FILE = /\.(ya?ml|json)$/i;
const DATA_FILE = /\.(jsonl|parquet)$/i;
const DATA_URI = /^(dataset:|s3:\/\/)/;
const CONFIG_ID = /^cfg_[0-9a-z]{26}$/;

export interface RunSource {
  /** in the words of the SFT API */
  readonly config: Config;
  /** for the plan: `run.yaml`, `the saved configuration 'nightly'` */
  readonly origin: string | null;
  /** it was no configuration, but the data themselves */
  readonly isData: boolean;
  /** what relative paths of data in it are relative to; null: paths of the plane */
  readonly folder: string | null;
}

/**
 * @param given a configuration file, a saved configuration, or data alone; null: nothing, the options say it all
 * @throws CommandFailure naming what is wrong with it, or what there is
 */
export async function readSource(
  plane: PlaneClient,
  given: string | null,
  { workingFolder }: Pick<World, 'workingFolder'>,
): Promise<RunSource> {
  if (given === null) return { config: {}, origin: null, isData: false, folder: null };
  if (DATA_URI.test(given) || DATA_FILE.test(given))
    return { config: { dataset_name: given }, origin: null, isData: true, folder: workingFolder };
  const path = resolve(workingFolder, given);
  const isFile = (await stat(path).catch(() => null))?.isFile() === true;
  if (isFile || CONFIG_FILE.test(given) || /^\.{0,2}\//.test(given)) return readConfigFile(path, given, isFile);
  const { config_id: id, name } = await findConfig(plane, given);
  return { config: { config_id: id }, origin: `the saved configuration '${name}' (${id})`, isData: false, folder: null };
}

/** @param reference its id or its name, of which the newest counts. @throws CommandFailure with what there is */
export const findConfig = (plane: PlaneClient, reference: string): Promise<SavedConfig> =>
  CONFIG_ID.test(reference) ? getConfig(plane, reference) : findByName(plane, reference);

async function readConfigFile(path: string, given: string, isFile: boolean): Promise<RunSource> {
  if (!isFile) throw usageFailure(`there is no file ${path}`);
  const value = parseConfig(await readFile(path, 'utf8'), given);
  if (Array.isArray(value)) return { config: { dataset_name: path }, origin: null, isData: true, folder: dirname(path) }; // a JSON array is rows
  if (!isRecord(value)) throw usageFailure(`${given} must hold a configuration: names and values, like base_model: tiny-llama`);
  const { config, ...beside } = value;
  if (config === undefined) return { config: value, origin: given, isData: false, folder: dirname(path) };
  // A whole body of POST /api/sft/train, or of a saved configuration, does as well.
  const unknown = Object.keys(beside).find((name) => name !== 'name' && name !== 'config_id');
  if (!isRecord(config) || unknown !== undefined)
    throw usageFailure(
      `${given}: ${unknown === undefined ? 'config must hold names and values' : `'${unknown}' stands beside config, and belongs into it`}`,
    );
  return { config, origin: given, isData: false, folder: dirname(path) };
}

/** YAML 1.2 holds JSON, too. */
function parseConfig(text: string, given: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw usageFailure(`${given}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
  }
}

async function findByName(plane: PlaneClient, name: string): Promise<SavedConfig> {
  const saved = await listConfigs(plane);
  const found = saved.find((config) => config.name === name); // the newest of that name
  if (found) return found;
  const names = [...new Set(saved.map((config) => config.name))];
  const near = names.find((candidate) => distance(candidate.toLowerCase(), name.toLowerCase()) <= 2);
  const shown = names.slice(0, 10).join(', ') + (names.length > 10 ? ` and ${names.length - 10} more` : '');
  throw usageFailure(
    `'${name}' is neither a file here nor a configuration saved at ${plane.url}${near ? `, did you mean '${near}'` : ''}; saved: ${shown || 'none'}`,
  );
}
