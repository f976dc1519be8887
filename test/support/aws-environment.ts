import type { EnvironmentOf } from '#aws/environment.ts';

type Kinds = EnvironmentOf<'api'> & EnvironmentOf<'sweeper'> & EnvironmentOf<'stream'> & EnvironmentOf<'websocket'>;
/** All of it text, what a stack may leave out as well. */
type Everything = { [Name in keyof Kinds]-?: string };

/** Every variable of every kind of function, as the stacks set them. */
export function awsEnvironment(overrides: Partial<Everything> = {}): Everything {
  return {
    TUNEPLANE_TABLE: 'table',
    TUNEPLANE_BUCKET: 'bucket',
    TUNEPLANE_STATE_MACHINE_ARN: 'arn:aws:states:us-east-1:000000000000:stateMachine:runs',
    TUNEPLANE_NUDGE_QUEUE_URL: 'http://localhost/queue',
    TUNEPLANE_KEY_SECRET_ARN: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:key',
    TUNEPLANE_GRANT_ROLE_ARN: 'arn:aws:iam::000000000000:role/grant',
    TUNEPLANE_TOKEN_SECRET_ARN: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:token',
    TUNEPLANE_URL: 'https://plane.example.com',
    TUNEPLANE_STORAGE_DATA: '',
    TUNEPLANE_STORAGE_BASES: '',
    TUNEPLANE_SECRETS: '',
    TUNEPLANE_COMPUTE_CLASSES: JSON.stringify([
      {
        name: 'a10g',
        queue: 'TuneplaneA10gQueue',
        jobDefinitions: { trainer: 'TuneplaneA10g:12', 'registry/team@sha256:1': 'TuneplaneA10gTeam:3' },
        gpuType: 'A10G',
        gpus: 1,
        vcpus: 4,
        nodes: 1,
        atOnce: 8,
        quotaCode: null,
      },
    ]),
    TUNEPLANE_TRAINER_BUILD: '',
    TUNEPLANE_RENTALS: '',
    TUNEPLANE_DEFAULT_BASE: 'tiny-llama',
    TUNEPLANE_STALL_SECONDS: '900',
    TUNEPLANE_ALLOWED_ORIGINS: '',
    TUNEPLANE_OIDC_ISSUER: '',
    TUNEPLANE_OIDC_AUDIENCE: '',
    TUNEPLANE_EVENT_BUS: 'bus',
    TUNEPLANE_WEBSOCKET_ENDPOINT: 'https://sockets.example.com/live',
    ...overrides,
  };
}
