/** Vast.ai's wire: the columns that are asked for, what comes back, and what its states mean. */
import * as z from 'zod';
import type { MachinePhase, SeenMachine } from './connector.ts';

/** The market's names of what is worth training on; a search needs them to the letter. */
export const GPU_NAMES = [
  'B200',
  'H200',
  'H200 NVL',
  'H100 SXM',
  'H100 NVL',
  'H100 PCIE',
  'A100 SXM4',
  'A100 PCIE',
  'L40S',
  'L40',
  'L4',
  'A40',
  'A10',
  'A10G',
  'RTX PRO 6000 S',
  'RTX PRO 6000 WS',
  'RTX 6000Ada',
  'RTX 5000Ada',
  'RTX A6000',
  'RTX A5000',
  'RTX A4000',
  'RTX 5090',
  'RTX 5080',
  'RTX 4090',
  'RTX 4080',
  'RTX 3090 Ti',
  'RTX 3090',
  'Tesla V100',
  'Tesla T4',
];
/** Only these columns are asked for: whole rows hold logins of the machine. */
export const COLUMNS = [
  'id',
  'label',
  'actual_status',
  'intended_status',
  'cur_state',
  'next_state',
  'status_msg',
  'is_bid',
  'start_date',
  'dph_total',
];

const instanceSchema = z.looseObject({
  id: z.number(),
  label: z.string().nullish(),
  actual_status: z.string().nullish(),
  intended_status: z.string().nullish(),
  cur_state: z.string().nullish(),
  next_state: z.string().nullish(),
  status_msg: z.string().nullish(),
  is_bid: z.boolean().nullish(),
  start_date: z.number().nullish(),
  dph_total: z.number().nullish(),
});
export const pageSchema = z.looseObject({ instances: z.array(instanceSchema), next_token: z.string().nullish() });
export const oneSchema = z.looseObject({ instances: instanceSchema.nullable() });
export const offersSchema = z.looseObject({
  offers: z.array(
    z.looseObject({
      id: z.number(),
      ask_contract_id: z.number().nullish(),
      machine_id: z.number(),
      gpu_name: z.string(),
      num_gpus: z.number(),
      gpu_ram: z.number(),
      dph_total: z.number(),
      min_bid: z.number().nullish(),
      geolocation: z.string().nullish(),
      inet_up_cost: z.number().nullish(),
      inet_down_cost: z.number().nullish(),
      verification: z.string().nullish(),
    }),
  ),
});
export const createdSchema = z.looseObject({ success: z.boolean().nullish(), new_contract: z.number().nullish() });
export const refusalSchema = z.looseObject({ error: z.unknown(), msg: z.unknown() });
export const doneSchema = z.looseObject({ success: z.boolean().nullish() });
export const logSchema = z.looseObject({ result_url: z.string() });
export const chargesSchema = z.looseObject({
  results: z.array(
    z.looseObject({
      source: z.string(),
      amount: z.number(),
      items: z.array(z.looseObject({ type: z.string(), start: z.number(), end: z.number() })),
    }),
  ),
  next_token: z.string().nullish(),
});

export function toMachine(instance: z.infer<typeof instanceSchema>): SeenMachine {
  const { id, label, actual_status: status, status_msg: message, start_date: start, dph_total: usdPerHour } = instance;
  return {
    id: String(id),
    label: label ?? '',
    phase: phaseOf(instance),
    status: status ?? 'being provisioned',
    detail: message?.trim() ? message.trim().slice(0, 300) : null,
    billedFrom: start ? Math.round(start * 1_000) : null,
    usdPerHour: usdPerHour ?? null,
  };
}

function phaseOf(instance: z.infer<typeof instanceSchema>): MachinePhase {
  const { actual_status: status, intended_status: intended, cur_state: current, next_state: next, status_msg: message } = instance;
  switch (status) {
    case null:
    case undefined:
      return 'creating';
    case 'created':
    case 'loading':
      return message?.includes('OCI runtime create failed') ? 'broken' : 'initializing';
    case 'running':
    case 'exited': // it brings it back by itself
    case 'rebooting':
    case 'recycling':
    case 'stopping':
      return 'running';
    case 'stopped':
      return instance.is_bid && [intended, current, next].every((state) => state === 'stopped') ? 'preempted' : 'stopped';
    case 'frozen':
      return 'stopped';
    default:
      return 'unreachable'; // unknown, offline, and words of a later document
  }
}
