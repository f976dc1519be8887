import { bindStream } from '../bind/stream.ts';

export const handler = bindStream();
