/**
 * Where machines run. Nobody is let in from anywhere; they reach out to the plane, the image's registry and model hubs.
 *
 *   public   each machine has a public IPv4 address while it lives (0.005 USD an hour of it); nothing else has a price by the hour
 *   nat      private addresses behind one NAT gateway, by the hour and by the GB: what several nodes of one run need, since their network
 *            interfaces get no public address
 *
 * S3 and DynamoDB are reached through gateway endpoints, which are free: base models and checkpoints never pass the gateway.
 */
import { Validations } from 'aws-cdk-lib';
import {
  CfnSecurityGroupEgress,
  GatewayVpcEndpointAwsService,
  IpAddresses,
  type ISubnet,
  type IVpc,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';

export interface NetworkProps {
  readonly kind: 'public' | 'nat';
  readonly availabilityZones: number;
}

export class Network extends Construct {
  readonly vpc: IVpc;
  /** for machines, one for each zone */
  readonly subnets: readonly ISubnet[];
  /** lets nobody in */
  readonly closed: SecurityGroup;
  #together: SecurityGroup | null = null;

  constructor(scope: Construct, id: string, { kind, availabilityZones }: NetworkProps) {
    super(scope, id);
    const machines = kind === 'nat' ? SubnetType.PRIVATE_WITH_EGRESS : SubnetType.PUBLIC;
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr('10.42.0.0/16'),
      maxAzs: availabilityZones,
      natGateways: kind === 'nat' ? 1 : 0,
      subnetConfiguration: [
        { name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: 20, mapPublicIpOnLaunch: kind === 'public' },
        ...(kind === 'nat' ? [{ name: 'machines', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 20 }] : []),
      ],
      gatewayEndpoints: {
        S3: { service: GatewayVpcEndpointAwsService.S3 },
        DynamoDB: { service: GatewayVpcEndpointAwsService.DYNAMODB },
      },
      // Would be a custom resource with rights on every security group; nothing of ours is in the default one.
      restrictDefaultSecurityGroup: false,
    });
    this.vpc = vpc as IVpc; // the library's classes and interfaces disagree under exactOptionalPropertyTypes
    this.subnets = this.vpc.selectSubnets({ subnetType: machines }).subnets;
    this.closed = new SecurityGroup(this, 'Closed', { vpc: this.vpc, description: 'Training machines: nobody is let in' });
    Validations.of(vpc).acknowledge({
      id: 'AwsSolutions-VPC7',
      reason:
        'flow logs are paid by the GB, and machines here move base models and checkpoints; nobody is let in, and every call to AWS is in CloudTrail',
    });
  }

  /**
   * All traffic among themselves, both ways by name of the group, which an Elastic Fabric Adapter needs; nobody else is let in. Made only
   * where a class has several nodes.
   */
  get together(): SecurityGroup {
    if (this.#together === null) {
      const group = new SecurityGroup(this, 'Together', {
        vpc: this.vpc,
        description: 'Machines of one run: only they talk to each other',
        allowAllOutbound: true,
      });
      group.addIngressRule(group, Port.allTraffic(), 'machines of the same run');
      // "All traffic to anywhere" is not enough for an adapter: it wants the group by its name.
      new CfnSecurityGroupEgress(this, 'TogetherEgress', {
        groupId: group.securityGroupId,
        ipProtocol: '-1',
        destinationSecurityGroupId: group.securityGroupId,
        description: 'machines of the same run',
      });
      this.#together = group;
    }
    return this.#together;
  }
}
