/** The APIs of the plane, in the order of the documents, our own after them: what both homes serve and the OpenAPI document describes. */
import type { Surface } from '#http/surface.ts';
import { attemptsSurface } from './attempts/surface.ts';
import { managementSurface } from './management/surface.ts';
import { orchestratorSurface } from './orchestrator/surface.ts';
import { runsSurface } from './runs/surface.ts';
import { sftSurface } from './sft/surface.ts';
import { trainingSvcSurface } from './training-svc/surface.ts';
import { unifiedTrainerSurface } from './unified-trainer/surface.ts';

export const API_SURFACES: readonly Surface[] = [
  trainingSvcSurface,
  unifiedTrainerSurface,
  orchestratorSurface,
  managementSurface,
  sftSurface,
  runsSurface,
  attemptsSurface,
];
