/** What every command of a stage begins with: its settings, and whose account and region they meet. */
import { join } from 'node:path';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { readSettings } from '../../lib/settings/read-settings.ts';
import type { StageSettings } from '../../lib/settings/stage-settings.ts';

/** What a command says to its user instead of a stack of calls. */
export class CommandError extends Error {}

export interface StageContext {
  readonly stage: string;
  readonly settings: StageSettings;
  /** null: the defaults alone */
  readonly settingsFile: string | null;
  readonly account: string;
  readonly region: string;
  /** who we are there */
  readonly caller: string;
}

export const SETTINGS_FOLDER = process.env['TUNEPLANE_SETTINGS'] ?? join(import.meta.dirname, '..', '..', 'settings');

/** @throws CommandError where there are no credentials, no region, or another account than the settings name; SettingsError */
export async function openStage(stage: string): Promise<StageContext> {
  const { settings, file } = readSettings(stage, SETTINGS_FOLDER);
  const region = settings.region ?? (await findRegion());
  // Every client of this process.
  process.env['AWS_REGION'] = region;
  const { account, caller } = await whoAmI();
  if (settings.account !== undefined && settings.account !== account)
    throw new CommandError(
      `the settings are for account ${settings.account}, and these credentials are of ${account}: choose another profile`,
    );
  return { stage, settings, settingsFile: file, account, region, caller };
}

async function findRegion(): Promise<string> {
  try {
    return await new STSClient({}).config.region();
  } catch {
    throw new CommandError("no region: set 'region' in the settings, AWS_REGION, or the region of your AWS profile");
  }
}

async function whoAmI(): Promise<{ account: string; caller: string }> {
  try {
    const { Account, Arn } = await new STSClient({}).send(new GetCallerIdentityCommand({}));
    if (Account && Arn) return { account: Account, caller: Arn };
    throw new CommandError('AWS does not say whose credentials these are');
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const said = error instanceof Error ? error.message : String(error);
    throw new CommandError(`AWS takes no credentials from here (${said}): run "aws sso login" or set AWS_PROFILE`);
  }
}
