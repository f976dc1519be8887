/** Functions and state machines in the emulator, with roles of their own: IAM is enforced there. */
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { CreateFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { CreateStateMachineCommand, SFNClient } from '@aws-sdk/client-sfn';
import { strToU8, zipSync } from 'fflate';
import type { StateMachine } from '#aws/state-machine.ts';
import { clientOptions, uniqueName } from './aws-clients.ts';

export type Statement = Readonly<{ Effect: 'Allow' | 'Deny'; Action: readonly string[]; Resource: string | readonly string[] }>;

/** @param principal who may become it: `{ Service: 'lambda.amazonaws.com' }` */
export async function createRole(principal: Readonly<Record<string, string>>, statements: readonly Statement[]): Promise<string> {
  const client = new IAMClient(clientOptions());
  const RoleName = uniqueName('role');
  const trust = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: principal, Action: 'sts:AssumeRole' }] };
  const { Role } = await client.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: JSON.stringify(trust) }));
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: statements });
  if (statements.length > 0) await client.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'own', PolicyDocument }));
  return Role?.Arn ?? '';
}

export interface FunctionCode {
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  readonly handler: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** @returns the function's ARN */
export async function createFunction({ files, handler, environment = {} }: FunctionCode, role: string): Promise<string> {
  const client = new LambdaClient(clientOptions());
  const entries = Object.entries(files).map(([name, content]) => [name, typeof content === 'string' ? strToU8(content) : content] as const);
  const { FunctionArn } = await client.send(
    new CreateFunctionCommand({
      FunctionName: uniqueName('function'),
      Runtime: 'nodejs24.x',
      Role: role,
      Handler: handler,
      Timeout: 60,
      MemorySize: 512,
      Environment: { Variables: { ...environment } },
      Code: { ZipFile: zipSync(Object.fromEntries(entries)) },
    }),
  );
  return FunctionArn ?? '';
}

/** @returns the state machine's ARN */
export async function createStateMachine(
  definition: Pick<StateMachine, 'StartAt'> & { readonly States: object },
  functionArn: string,
  client: SFNClient,
  name = uniqueName('machine'),
): Promise<string> {
  const roleArn = await createRole({ Service: 'states.amazonaws.com' }, [
    { Effect: 'Allow', Action: ['lambda:InvokeFunction'], Resource: functionArn },
  ]);
  const { stateMachineArn } = await client.send(new CreateStateMachineCommand({ name, definition: JSON.stringify(definition), roleArn }));
  return stateMachineArn ?? '';
}

export const makeSfnClient = (): SFNClient => new SFNClient(clientOptions());
