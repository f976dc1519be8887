/**
 * A stage in the emulator, deployed as anybody deploys one: `npm run bootstrap`, `npm run deploy`. Its settings say what is different here: an
 * image of this machine, a class without a GPU, and the caller's own credentials.
 */
import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { type Emulator, startEmulator } from '../emulator/start-emulator.ts';
import { request, type Script, type TestReply } from '../support/scripted-plane.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { FrontDoor } from './front-door.ts';

const run = promisify(execFile);
const REPOSITORY = join(import.meta.dirname, '..', '..');
const PYTHON = join(REPOSITORY, 'trainer-image', '.venv', 'bin', 'python');
const IMAGE = `local/trainer@sha256:${'0'.repeat(64)}`;
const REGION = 'us-east-1';
export const STAGE = 'trial';

const SETTINGS = {
  region: REGION,
  image: IMAGE,
  compute: [{ name: 'cpu', instanceTypes: ['m7i.xlarge'], maxVcpus: 16 }],
  deployWith: 'own-credentials',
};

interface Said {
  readonly stdout: string;
  readonly stderr: string;
}

export class DeployedPlane {
  readonly emulator: Emulator;
  readonly outputs: Readonly<Record<string, string>>;
  readonly token: string;
  readonly #door: FrontDoor;
  readonly #folder: Awaited<ReturnType<typeof makeTemporaryFolder>>;
  readonly #command: (...args: string[]) => Promise<string>;
  readonly #tuneplane: (...args: string[]) => Promise<Said>;

  private constructor(parts: {
    emulator: Emulator;
    door: FrontDoor;
    folder: Awaited<ReturnType<typeof makeTemporaryFolder>>;
    outputs: Readonly<Record<string, string>>;
    token: string;
    command: (...args: string[]) => Promise<string>;
    tuneplane: (...args: string[]) => Promise<Said>;
  }) {
    this.emulator = parts.emulator;
    this.outputs = parts.outputs;
    this.token = parts.token;
    this.#door = parts.door;
    this.#folder = parts.folder;
    this.#command = parts.command;
    this.#tuneplane = parts.tuneplane;
  }

  static async deploy(): Promise<DeployedPlane> {
    const folder = await makeTemporaryFolder();
    const image = join(folder.path, 'image');
    const settings = join(folder.path, 'settings');
    await Promise.all([mkdir(image), mkdir(settings)]);
    await writeFile(join(settings, `${STAGE}.json`), JSON.stringify(SETTINGS));
    const door = await FrontDoor.listen();
    const engine = join(REPOSITORY, 'test', 'scripted-engine', 'engine.py');
    const emulator = await startEmulator({
      images: { [IMAGE]: ['sh', join(import.meta.dirname, 'trainer-image.sh'), image, PYTHON, engine] },
      frontDoor: door.url,
    });
    const options = { endpoint: emulator.endpoint, region: REGION, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
    const env = {
      PATH: process.env['PATH'],
      HOME: folder.path, // the command line keeps what it knows of accounts there
      AWS_ENDPOINT_URL: emulator.endpoint,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_REGION: REGION,
      AWS_EC2_METADATA_DISABLED: 'true',
      CDK_DISABLE_CLI_TELEMETRY: 'true',
      TUNEPLANE_SETTINGS: settings,
    };
    const program = (file: string, args: readonly string[]) =>
      run(process.execPath, [file, ...args], { cwd: REPOSITORY, env, maxBuffer: 1 << 26 });
    const command = (...args: string[]) => program('bin/aws.ts', args).then(({ stdout }) => stdout);
    const tuneplane = (...args: string[]) => program('bin/tuneplane.ts', args);
    try {
      await command('bootstrap', STAGE);
      await command('deploy', STAGE, '--yes');
      const cloudFormation = new CloudFormationClient(options);
      const { Stacks = [] } = await cloudFormation.send(new DescribeStacksCommand({}));
      const said = Stacks.filter(({ StackName }) => StackName?.startsWith(`tuneplane-${STAGE}`)).flatMap(({ Outputs = [] }) => Outputs);
      const outputs = Object.fromEntries(said.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
      const secret = new GetSecretValueCommand({ SecretId: outputs['TokenSecret'] });
      const { SecretString: token = '' } = await new SecretsManagerClient(options).send(secret);
      door.leadTo({ endpoint: emulator.endpoint, domain: new URL(outputs['Url']).host, socketApiId: outputs['SocketApiId'] });
      return new DeployedPlane({ emulator, door, folder, outputs, token, command, tuneplane });
    } catch (error) {
      await emulator.stop();
      await door.close();
      await folder.remove();
      throw error;
    }
  }

  get url(): string {
    return this.#door.url;
  }

  get clientOptions() {
    return { endpoint: this.emulator.endpoint, region: REGION, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
  }

  /** A command of `bin/aws.ts`. @returns what it printed */
  command(...args: string[]): Promise<string> {
    return this.#command(...args);
  }

  /** The command line, with the credentials of the account. */
  tuneplane(...args: string[]): Promise<Said> {
    return this.#tuneplane(...args);
  }

  request(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<TestReply> {
    return request(this.url, method, path, body, { 'x-trainer-token': this.token, ...headers });
  }

  /** How trainers train that start from now on. @param script null: for real */
  async trainBy(script: Script | null): Promise<void> {
    const file = join(this.#folder.path, 'image', 'script.json');
    if (script === null) await rm(file, { force: true });
    else await writeFile(file, JSON.stringify(script));
  }

  async close(): Promise<void> {
    await this.emulator.stop();
    await this.#door.close();
    await this.#folder.remove();
  }
}
