/**
 * Takes the place of the SDK's chain of credential providers in bundles: on Lambda credentials are in the environment, and nothing else is
 * ever looked for. Single sign-on, profiles, web identity and instance metadata are 60 KB that would never run.
 * docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
 */
import { fromEnv } from '@aws-sdk/credential-provider-env';

export const defaultProvider = fromEnv;
