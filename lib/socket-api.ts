/** The WebSocket API: one function for handshake and end; whoever follows a run is told by the consumer of the table's stream. */
import { Stack, Validations } from 'aws-cdk-lib';
import { WebSocketApi, WebSocketStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { WebSocketLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';

export const SOCKET_STAGE = 'live';
/** Clients have nothing to say: this is how fast they may come. */
const HANDSHAKES_A_SECOND = 100;

export class PlaneSocketApi extends Construct {
  readonly api: WebSocketApi;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.api = new WebSocketApi(this, 'Api', { description: `Tuneplane: who follows runs of ${Stack.of(this).stackName}` });
    const stage = new WebSocketStage(this, 'Stage', {
      webSocketApi: this.api,
      stageName: SOCKET_STAGE,
      autoDeploy: true,
      throttle: { rateLimit: HANDSHAKES_A_SECOND, burstLimit: HANDSHAKES_A_SECOND },
    });
    const reason =
      'access logs of a WebSocket API need a role that is set for the whole account; the function logs every handshake that it refuses';
    Validations.of(stage).acknowledge({ id: 'AwsSolutions-APIG1', reason }, { id: 'Serverless-APIGWAccessLogging', reason });
  }

  get domain(): string {
    const { region, urlSuffix } = Stack.of(this);
    return `${this.api.apiId}.execute-api.${region}.${urlSuffix}`;
  }

  /** where functions send to connections */
  get endpoint(): string {
    return `https://${this.domain}/${SOCKET_STAGE}`;
  }

  /** for `execute-api:ManageConnections`, of this stage alone */
  get connectionsArn(): string {
    const { partition, region, account } = Stack.of(this);
    return `arn:${partition}:execute-api:${region}:${account}:${this.api.apiId}/${SOCKET_STAGE}/POST/@connections/*`;
  }

  handle(handler: IFunction): void {
    for (const key of ['$connect', '$disconnect', '$default']) {
      const route = this.api.addRoute(key, { integration: new WebSocketLambdaIntegration(`Integration${key.slice(1)}`, handler) });
      Validations.of(route).acknowledge({
        id: 'AwsSolutions-APIG4',
        reason: '$connect checks token or ticket in the function, in the words of the API; no other route is reached without it',
      });
    }
  }
}
