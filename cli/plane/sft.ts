/** Calls of the SFT API: plans, starts, saved configurations. */
import type * as z from 'zod';
import {
  configListResponse,
  configResponse,
  configSaveResponse,
  jobStartResponse,
  planResponse,
} from '../../lambdas/surfaces/sft/schemas.ts';
import { type PlaneClient, pathOf } from './plane-client.ts';

export type Plan = z.infer<typeof planResponse>;
export type SavedConfig = z.infer<typeof configResponse>;
/** A configuration in the words of the SFT API. */
export type Config = Readonly<Record<string, unknown>>;

/** What a run of this would be. Starts nothing. */
export const planRun = (plane: PlaneClient, config: Config): Promise<Plan> =>
  plane.call({ method: 'POST', path: '/api/sft/plan', body: { config }, schema: planResponse });

/** @returns the id of the run */
export const startRun = async (plane: PlaneClient, config: Config): Promise<string> =>
  (await plane.call({ method: 'POST', path: '/api/sft/train', body: { config }, schema: jobStartResponse, isEffect: true })).job_id;

/** The newest 1,000. */
export const listConfigs = (plane: PlaneClient): Promise<SavedConfig[]> =>
  plane.call({ method: 'GET', path: '/api/sft/configs', schema: configListResponse });

export const getConfig = (plane: PlaneClient, id: string): Promise<SavedConfig> =>
  plane.call({ method: 'GET', path: pathOf`/api/sft/configs/${id}`, schema: configResponse });

export const saveConfig = (plane: PlaneClient, name: string, config: Config): Promise<z.infer<typeof configSaveResponse>> =>
  plane.call({ method: 'POST', path: '/api/sft/configs', body: { name, config }, schema: configSaveResponse, isEffect: true });
