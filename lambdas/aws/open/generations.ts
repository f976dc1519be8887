import { SFNClient } from '@aws-sdk/client-sfn';
import { RunGenerations } from '../run-generations.ts';
import type { DynamoTable } from '../table/dynamo-table.ts';
import { CLIENT_OPTIONS } from './client-options.ts';

export const openGenerations = (stateMachineArn: string, table: DynamoTable): RunGenerations =>
  new RunGenerations({ client: new SFNClient(CLIENT_OPTIONS), stateMachineArn, table });
