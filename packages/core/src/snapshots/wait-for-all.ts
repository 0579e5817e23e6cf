/** Settles when all have, also after one failed: nothing may go on behind the error, which is that of the first in their order. */
export async function waitForAll(work: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(work);
  await Promise.all(work);
}
