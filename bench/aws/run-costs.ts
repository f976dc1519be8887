/** Dollars of a run: how often each thing happens to it, times what that asks of AWS, times its price. Machines and stored bytes are not in it. */
import type { AwsCall } from './counting-proxy.ts';
import { ASSUMED, PRICES, priceOfS3, REQUESTS_PER_MESSAGE } from './prices.ts';
import type { RunFigures } from './run-figures.ts';
import type { UnitCalls } from './unit-calls.ts';

/** Puts of the real supervisor, as they were counted. */
export interface Trainer {
  /** of a report: its log and itself */
  readonly putsPerReport: number;
  /** of a report that brings the curves: metric rows and overview */
  readonly putsPerCurve: number;
  /** files of a checkpoint and its record: of the hf engine with LoRA, as it writes them */
  readonly putsPerCheckpoint: number;
}

export type CostPart = 'Step Functions' | 'S3, trainer' | 'S3, plane' | 'DynamoDB' | 'Lambda' | 'SQS' | 'EventBridge' | 'API Gateway';

export function costOfRun(figures: RunFigures, units: UnitCalls, trainer: Trainer): Record<CostPart, number> {
  const { reports, curveReports, checkpoints, rounds, events, publicEvents, transitions, controlReads, controlsWritten } = figures;
  const { putsPerReport, putsPerCurve, putsPerCheckpoint } = trainer;
  const trainerPuts = reports * putsPerReport + curveReports * putsPerCurve + checkpoints * putsPerCheckpoint;
  /** what happened, how often, and what each asks of AWS; an invocation of a function each */
  const happened: readonly (readonly [number, readonly AwsCall[]])[] = [
    [1, units.create],
    [1, units.launch],
    [reports - checkpoints, units.report],
    [checkpoints, units.checkpoint],
    [rounds, units.round],
    [1, units.end],
    [events, units.published],
  ];
  const sum = (price: (calls: readonly AwsCall[]) => number): number =>
    happened.reduce((all, [times, calls]) => all + times * price(calls), 0);
  const ofCalls = (price: (call: AwsCall) => number) => (calls: readonly AwsCall[]) => calls.reduce((all, call) => all + price(call), 0);
  const millis = (calls: readonly AwsCall[]): number => ASSUMED.millisPerInvocation + calls.length * ASSUMED.millisPerCall;
  const messages = reports + 1 + events; // each report, the manifest; what callers and jobs ring is less than the events
  return {
    'Step Functions': transitions * PRICES.transition,
    'S3, trainer': trainerPuts * PRICES.s3Put + controlReads * PRICES.s3Get,
    'S3, plane': sum(ofCalls(({ service, operation }) => (service === 'S3' ? priceOfS3(operation) : 0))) + controlsWritten * PRICES.s3Put,
    DynamoDB: sum(ofCalls(({ readUnits, writeUnits }) => readUnits * PRICES.readUnit + writeUnits * PRICES.writeUnit)),
    Lambda: sum(
      (calls) => PRICES.lambdaRequest + (ASSUMED.functionMegabytes / 1_024) * (millis(calls) / 1_000) * PRICES.lambdaGigabyteSecond,
    ),
    SQS: messages * REQUESTS_PER_MESSAGE * PRICES.sqsRequest,
    EventBridge: publicEvents * PRICES.busEvent,
    // The create, the claim, and a renewal each half hour.
    'API Gateway': (2 + figures.seconds / 1_800) * PRICES.httpRequest,
  };
}

export const totalOf = (cost: Readonly<Record<string, number>>): number => Object.values(cost).reduce((sum, dollars) => sum + dollars, 0);
