export async function checkBeforeDeployment(_context: unknown): Promise<void> {}
