import { Code, StatusError } from "@crib/errdefs";
import type { IntelRdt } from "@crib/oci-spec";

import type { SpecInput } from "../types.ts";
import { resourceClass } from "./resource-class.ts";

/**
 * The cache and memory bandwidth class of a container, by annotation; undefined without one. The classes themselves are made by
 * whoever keeps the host's resctrl file system. FailedPrecondition where RDT is not configured, InvalidArgument for a name that
 * is no directory's.
 */
export function rdtClass(input: Pick<SpecInput, "id" | "plan" | "sandbox" | "options">): IntelRdt | undefined {
  const name = resourceClass("rdt", input);
  if (name === undefined) return undefined;
  const refuse = (code: Code, why: string): StatusError =>
    new StatusError(code, `giving container "${input.id}" the RDT class ${JSON.stringify(name.slice(0, 100))}: ${why}`);
  if (input.options.rdtConfigFile === "") throw refuse(Code.FailedPrecondition, "RDT is not enabled");
  if (!/^[A-Za-z0-9_.-]{1,255}$/.test(name) || /^\.\.?$/.test(name)) throw refuse(Code.InvalidArgument, "not a name");
  return { closID: name };
}
