import { bindTrainerBuild } from '../bind/trainer-build.ts';

export const handler = bindTrainerBuild();
