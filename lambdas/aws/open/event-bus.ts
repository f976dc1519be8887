import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import type { RunStore } from '#ports/run-store.ts';
import { EventBusSink } from '../event-bus-sink.ts';
import { CLIENT_OPTIONS } from './client-options.ts';

export const openEventBus = (busName: string, runs: RunStore, baseUrl: string): EventBusSink =>
  new EventBusSink({ client: new EventBridgeClient(CLIENT_OPTIONS), busName, runs, baseUrl });
