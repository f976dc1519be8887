/** A stage's settings from its file: `settings/<stage>.yaml`, `.yml` or `.json`; without one, every field has its default. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { findProblems } from '#http/validation.ts';
import { STAGE_NAME, type StageSettings, stageSettingsSchema } from './stage-settings.ts';

const ENDINGS = ['yaml', 'yml', 'json'];

export class SettingsError extends Error {}

/**
 * @param folder that holds the files
 * @returns the settings, and the file that they came from, if there is one
 * @throws SettingsError with every problem of the file, each with its path, the value given and what is allowed
 */
export function readSettings(stage: string, folder: string): { settings: StageSettings; file: string | null } {
  if (!STAGE_NAME.test(stage))
    throw new SettingsError(`the name of a stage must be lower-case letters, digits and '-', at most 20, got '${stage}'`);
  const files = ENDINGS.map((ending) => join(folder, `${stage}.${ending}`)).filter((path) => existsSync(path));
  if (files.length > 1) throw new SettingsError(`a stage has one settings file, found ${files.join(' and ')}`);
  const [file = null] = files;
  return { settings: parseSettings(file === null ? {} : load(file), file ?? `the defaults of '${stage}'`), file };
}

/** @throws SettingsError */
export function parseSettings(input: unknown, source: string): StageSettings {
  const problems = findProblems(stageSettingsSchema, input ?? {});
  if (problems.length > 0) {
    const lines = problems.map(({ path, message }) => `  ${path === '' ? '' : `${path}: `}${message}`);
    throw new SettingsError(`${source} is not what settings must be:\n${lines.join('\n')}`);
  }
  return stageSettingsSchema.parse(input ?? {});
}

function load(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8')); // JSON is YAML too
  } catch (error) {
    throw new SettingsError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
