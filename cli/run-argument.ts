/** What help says of an argument that names a run. */
export const RUN_ARGUMENT = 'id of the run, or "last": the newest';
