/**
 * A resource of CloudFormation that is an act: it is done when the resource is made or changed. CloudFormation waits for an answer at the
 * address that it gives, for an hour, so every way out of here answers.
 * Source: docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
 */
import * as z from 'zod';

const eventSchema = z.object({
  RequestType: z.enum(['Create', 'Update', 'Delete']),
  ResponseURL: z.string(),
  StackId: z.string(),
  RequestId: z.string(),
  LogicalResourceId: z.string(),
  PhysicalResourceId: z.string().optional(),
  ResourceProperties: z.record(z.string(), z.unknown()),
});
/** An answer may have 4,096 bytes. */
const MAX_REASON = 1_000;

type Act = (properties: Readonly<Record<string, unknown>>) => Promise<void>;

/**
 * @param act with the resource's properties; what it throws fails the deployment, and is its reason
 * @param undo when the resource is taken away
 */
export function createHandler(act: Act, undo: Act = async () => {}): (event: unknown) => Promise<void> {
  return async (event) => {
    const { RequestType, ResponseURL, ResourceProperties, PhysicalResourceId, ...which } = eventSchema.parse(event);
    const answer = async (outcome: { Status: 'SUCCESS' } | { Status: 'FAILED'; Reason: string }): Promise<void> => {
      // The same id for ever: a change is never a replacement.
      const body = JSON.stringify({ ...which, PhysicalResourceId: PhysicalResourceId ?? which.LogicalResourceId, ...outcome });
      const { ok, status } = await fetch(ResponseURL, { method: 'PUT', body, headers: { 'content-type': '' } });
      if (!ok) throw new Error(`CloudFormation did not take the answer: ${status}`);
    };
    try {
      await (RequestType === 'Delete' ? undo : act)(ResourceProperties);
    } catch (error) {
      await answer({ Status: 'FAILED', Reason: (error instanceof Error ? error.message : String(error)).slice(0, MAX_REASON) });
      return;
    }
    await answer({ Status: 'SUCCESS' });
  };
}
