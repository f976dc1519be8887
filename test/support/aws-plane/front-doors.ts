/** An HTTP API and a WebSocket API in the emulator, whose routes are functions. */
import {
  ApiGatewayV2Client,
  CreateApiCommand,
  CreateIntegrationCommand,
  CreateRouteCommand,
  CreateStageCommand,
} from '@aws-sdk/client-apigatewayv2';
import { clientOptions, uniqueName } from '../aws-clients.ts';

export async function openHttpApi() {
  const client = new ApiGatewayV2Client(clientOptions());
  const { ApiId = '' } = await client.send(new CreateApiCommand({ Name: uniqueName('api'), ProtocolType: 'HTTP' }));
  await client.send(new CreateStageCommand({ ApiId, StageName: '$default', AutoDeploy: true }));
  const url = `${clientOptions().endpoint}/_aws/execute-api/${ApiId}/$default`;
  return { url, target: targetOf(client, ApiId) };
}

export async function openWebSocketApi() {
  const client = new ApiGatewayV2Client(clientOptions());
  const { ApiId = '' } = await client.send(
    new CreateApiCommand({ Name: uniqueName('sockets'), ProtocolType: 'WEBSOCKET', RouteSelectionExpression: '$request.body.action' }),
  );
  await client.send(new CreateStageCommand({ ApiId, StageName: 'live', AutoDeploy: true }));
  const endpoint = `${clientOptions().endpoint}/_aws/execute-api/${ApiId}/live`;
  return { endpoint, url: endpoint.replace(/^http/, 'ws'), target: targetOf(client, ApiId) };
}

/** @returns puts one more route to the function */
const targetOf =
  (client: ApiGatewayV2Client, ApiId: string) =>
  async (functionArn: string): Promise<(routeKey: string) => Promise<void>> => {
    const { IntegrationId } = await client.send(
      new CreateIntegrationCommand({ ApiId, IntegrationType: 'AWS_PROXY', IntegrationUri: functionArn, PayloadFormatVersion: '2.0' }),
    );
    return async (RouteKey) => {
      await client.send(new CreateRouteCommand({ ApiId, RouteKey, Target: `integrations/${IntegrationId}` }));
    };
  };
