import { Code, StatusError } from "@crib/errdefs";

/** What a call answers that needs containers or images, which crib does not run yet. */
export function notOffered(method: string): StatusError {
  return new StatusError(Code.Unimplemented, `${method}: this version of crib runs pod sandboxes only`);
}
