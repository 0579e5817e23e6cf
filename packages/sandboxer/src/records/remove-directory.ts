import { rm } from "node:fs/promises";

import { Code, StatusError } from "@crib/errdefs";
import { mountsUnder } from "@crib/linux";

/**
 * Removes a directory with all that is in it; absence is success. FailedPrecondition, and nothing removed, while something is mounted in it: what a mount
 * shows may be anybody's.
 */
export async function removeDirectory(directory: string): Promise<void> {
  const doing = `removing directory "${directory}"`;
  const [mount] = await mountsUnder(directory);
  if (mount !== undefined) {
    throw new StatusError(Code.FailedPrecondition, `${doing}: "${mount.mountPoint}" is still mounted`);
  }
  try {
    await rm(directory, { recursive: true, force: true });
  } catch (reason) {
    throw StatusError.from(reason, doing);
  }
}
