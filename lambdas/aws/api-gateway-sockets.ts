import { type ApiGatewayManagementApiClient, GoneException, PostToConnectionCommand } from '@aws-sdk/client-apigatewaymanagementapi';
import type { SocketGateway } from './websocket-connections.ts';

/** Sockets that API Gateway holds. docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html */
export class ApiGatewaySockets implements SocketGateway {
  readonly #client: ApiGatewayManagementApiClient;

  constructor(client: ApiGatewayManagementApiClient) {
    this.#client = client;
  }

  async send(id: string, text: string): Promise<boolean> {
    try {
      await this.#client.send(new PostToConnectionCommand({ ConnectionId: id, Data: text }));
      return true;
    } catch (error) {
      if (error instanceof GoneException) return false;
      throw error;
    }
  }
}
