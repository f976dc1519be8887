import { ApiGatewayManagementApiClient } from '@aws-sdk/client-apigatewaymanagementapi';
import { ApiGatewaySockets } from '../api-gateway-sockets.ts';
import { CLIENT_OPTIONS } from './client-options.ts';

/** @param endpoint of the WebSocket API's stage */
export const openSocketGateway = (endpoint: string): ApiGatewaySockets =>
  new ApiGatewaySockets(new ApiGatewayManagementApiClient({ ...CLIENT_OPTIONS, endpoint }));
