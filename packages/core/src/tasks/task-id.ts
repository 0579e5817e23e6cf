import { Code, StatusError } from "@crib/errdefs";

const form = /^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/;

/**
 * Refuses, with InvalidArgument, an id that cannot name a task: containerd's rule, alphanumerics joined by single
 * `.`, `_` or `-`, at most 76 characters. What passes can be a file name and never leads out of a directory.
 */
export function checkTaskId(id: string): string {
  if (id.length > 76 || !form.test(id)) {
    throw new StatusError(Code.InvalidArgument, `checking task id: ${JSON.stringify(id.slice(0, 80))} is not valid`);
  }
  return id;
}
