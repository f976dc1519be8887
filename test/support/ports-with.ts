import type { Ports } from '#ports/ports.ts';

/** Ports of which a test gives those that it is about; asking for another fails by name. */
export function portsWith(given: Partial<Ports>): Ports {
  const missing = (port: keyof Ports): never => {
    throw new Error(`this test has no port '${port}'`);
  };
  return {
    get runs() {
      return given.runs ?? missing('runs');
    },
    get documents() {
      return given.documents ?? missing('documents');
    },
    get answers() {
      return given.answers ?? missing('answers');
    },
    get artifacts() {
      return given.artifacts ?? missing('artifacts');
    },
    get inputs() {
      return given.inputs ?? missing('inputs');
    },
    get contents() {
      return given.contents ?? missing('contents');
    },
    get secrets() {
      return given.secrets ?? missing('secrets');
    },
    get machineTokens() {
      return given.machineTokens ?? missing('machineTokens');
    },
    get storageGrants() {
      return given.storageGrants ?? missing('storageGrants');
    },
    get compute() {
      return given.compute ?? missing('compute');
    },
    get workflow() {
      return given.workflow ?? missing('workflow');
    },
    get sink() {
      return given.sink ?? missing('sink');
    },
    get bell() {
      return given.bell ?? missing('bell');
    },
    get logIndex() {
      return given.logIndex ?? missing('logIndex');
    },
    get downloads() {
      return given.downloads ?? missing('downloads');
    },
    get clock() {
      return given.clock ?? missing('clock');
    },
    get settings() {
      return given.settings ?? missing('settings');
    },
  };
}
