/**
 * Every alarm of the plane. Its name is the heading of an article in `docs/runbook.md`, and its description links there; a test compares
 * them. An alarm has a price (0.10 USD a month and metric), so each says something that a person has to do something about.
 */
import { Duration, Stack, Validations } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, Metric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';

export interface AlarmRule {
  /** a sentence of what is the matter */
  readonly sentence: string;
  readonly metric: IMetric;
  readonly above: number;
  /** in a row, each as long as the metric's */
  readonly periods?: number;
  /** the metric is always there, and when it is not, that is the matter */
  readonly missingIsBad?: boolean;
}

export interface PlaneAlarmsProps {
  /** by name: `dead-letters-nudges` */
  readonly rules: Readonly<Record<string, AlarmRule>>;
  readonly email: string | undefined;
  /** where `docs/runbook.md` can be read */
  readonly runbook: string;
}

export class PlaneAlarms extends Construct {
  readonly alarms: readonly Alarm[];

  constructor(scope: Construct, id: string, { rules, email, runbook }: PlaneAlarmsProps) {
    super(scope, id);
    const topic = email === undefined ? null : this.#createTopic(email);
    this.alarms = Object.entries(rules).map(([name, { sentence, metric, above, periods = 1, missingIsBad = false }]) => {
      const alarm = new Alarm(this, name, {
        alarmName: `${Stack.of(this).stackName}-${name}`,
        alarmDescription: `${sentence}. What to do: ${runbook}#${name}`,
        metric,
        threshold: above,
        comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
        evaluationPeriods: periods,
        treatMissingData: missingIsBad ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
      });
      if (topic) alarm.addAlarmAction(new SnsAction(topic));
      return alarm;
    });
  }

  #createTopic(email: string): Topic {
    const topic = new Topic(this, 'Topic', { displayName: 'Tuneplane', enforceSSL: true });
    topic.addSubscription(new EmailSubscription(email));
    Validations.of(topic).acknowledge(
      {
        id: 'Serverless-SNSEncryption',
        reason: "alarms cannot use AWS's own key for topics, and one of ours is 1 USD a month for sentences that say nothing secret",
      },
      {
        id: 'Serverless-SNSRedrivePolicy',
        reason: 'a mail that was refused tells nobody anything from a queue; the alarm itself stays raised, and doctor shows it',
      },
    );
    return topic;
  }
}

/** A metric of a service, summed or at its highest. */
export const metricOf = (
  namespace: string,
  metricName: string,
  dimensionsMap: Readonly<Record<string, string>>,
  { statistic = Stats.SUM, minutes = 1 }: { readonly statistic?: string; readonly minutes?: number } = {},
): Metric => new Metric({ namespace, metricName, dimensionsMap, statistic, period: Duration.minutes(minutes) });
