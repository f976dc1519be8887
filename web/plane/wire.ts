/** The plane's answers, as its surfaces describe them. Types only: no schema reaches the browser. */
import type * as z from 'zod';
import type { errorBodySchema } from '#http/surface.ts';
import type * as management from '#surfaces/management/schemas.ts';
import type * as orchestrator from '#surfaces/orchestrator/schemas.ts';
import type * as places from '#surfaces/runs/place-schemas.ts';
import type * as runs from '#surfaces/runs/schemas.ts';
import type * as sft from '#surfaces/sft/schemas.ts';
import type * as trainingSvc from '#surfaces/training-svc/schemas.ts';

export type ErrorBody = z.infer<typeof errorBodySchema>;

export type RunList = z.infer<typeof runs.runListResponse>;
export type RunSummary = z.infer<typeof runs.runSummaryResponse>;
export type RunDetail = z.infer<typeof runs.runDetailResponse>;
export type RunState = RunSummary['state'];
export type RunEvent = z.infer<typeof runs.eventResponse>;
export type RunEventList = z.infer<typeof runs.eventListResponse>;
export type RunLogs = z.infer<typeof runs.logsResponse>;
export type LogLine = RunLogs['items'][number];
export type RunMetrics = z.infer<typeof runs.metricsResponse>;
export type CurvePoint = RunMetrics['series'][number]['points'][number];
export type AxisPoint = RunMetrics['axes']['epoch'][number];
export type CheckpointList = z.infer<typeof runs.checkpointListResponse>;
export type Checkpoint = CheckpointList['items'][number];
export type CheckpointDetail = z.infer<typeof runs.checkpointDetailResponse>;
export type ArtifactList = z.infer<typeof runs.artifactListResponse>;
export type Artifact = ArtifactList['items'][number];
export type StoredFile = Artifact['files'][number];
export type FileLink = z.infer<typeof runs.fileLinkResponse>;

export type Dataset = z.infer<typeof places.datasetResponse>;
export type DatasetList = z.infer<typeof places.datasetListResponse>;
export type DatasetUpload = z.infer<typeof places.uploadResponse>;
export type DatasetPreview = z.infer<typeof places.datasetPreviewResponse>;
export type ProviderList = z.infer<typeof places.providerListResponse>;
export type WorkerList = z.infer<typeof places.workerListResponse>;
export type Worker = WorkerList['items'][number];

export type ProjectSummary = z.infer<typeof management.projectSummary>;
export type Project = z.infer<typeof management.projectResponse>;
export type ProjectRun = z.infer<typeof management.runResponse>;

export type SavedConfig = z.infer<typeof sft.configResponse>;
export type SavedConfigReceipt = z.infer<typeof sft.configSaveResponse>;

export type Ticket = z.infer<typeof orchestrator.ticketResponse>;

export type Session = z.infer<typeof trainingSvc.sessionResponse>;
export type SessionList = z.infer<typeof trainingSvc.sessionListResponse>;
export type SessionDetail = z.infer<typeof trainingSvc.sessionDetailResponse>;
export type TrajectoryList = z.infer<typeof trainingSvc.trajectoryListResponse>;
export type TrajectoryDetail = z.infer<typeof trainingSvc.trajectoryDetailResponse>;
