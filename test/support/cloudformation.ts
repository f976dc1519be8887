/** Stacks in the emulator, by CloudFormation's own protocol: one client less to install. */
import { setTimeout as sleep } from 'node:timers/promises';
import { clientOptions, REGION, uniqueName } from './aws-clients.ts';

const LOOKS = 200;

/** @returns the stack's outputs @throws Error where it is not made */
export async function deployStack(template: string, parameters: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const StackName = uniqueName('stack');
  const given = Object.entries(parameters).flatMap(([name, value], index) => [
    [`Parameters.member.${index + 1}.ParameterKey`, name],
    [`Parameters.member.${index + 1}.ParameterValue`, value],
  ]);
  const created = await askCloudFormation({ Action: 'CreateStack', StackName, TemplateBody: template, ...Object.fromEntries(given) });
  if (!created.includes('<StackId>')) throw new Error(created);
  for (let look = 0; look < LOOKS; look++) {
    const answer = await askCloudFormation({ Action: 'DescribeStacks', StackName });
    const status = /<StackStatus>(\w+)</.exec(answer)?.[1] ?? '';
    if (status === 'CREATE_COMPLETE') return readOutputs(answer);
    if (!status.endsWith('IN_PROGRESS')) throw new Error(answer);
    await sleep(50);
  }
  throw new Error(`stack ${StackName} is still being made`);
}

export async function askCloudFormation(query: Readonly<Record<string, string>>): Promise<string> {
  const answer = await fetch(clientOptions().endpoint, {
    method: 'POST',
    headers: {
      // The emulator lets its root's key do everything, without a signature that is one.
      authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${REGION}/cloudformation/aws4_request, SignedHeaders=host, Signature=0`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({ Version: '2010-05-15', ...query }),
  });
  return answer.text();
}

function readOutputs(answer: string): Record<string, string> {
  const outputs = answer.matchAll(/<OutputKey>([^<]*)<\/OutputKey>\s*<OutputValue>([^<]*)<\/OutputValue>/g);
  return Object.fromEntries([...outputs].map(([, key = '', value = '']) => [key, value]));
}
