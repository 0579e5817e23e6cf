import { Code, StatusError } from "@crib/errdefs";

/** Ids become names of files: letters and digits joined by single `.`, `_` or `-`, at most 76 characters, as containerd has it. InvalidArgument for others. */
export function checkSandboxId(id: string, doing: string): void {
  if (id === "") throw new StatusError(Code.InvalidArgument, `${doing} a sandbox: no id`);
  if (id.length <= 76 && /^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/.test(id)) return;
  throw new StatusError(Code.InvalidArgument, `${doing} sandbox "${id.slice(0, 80)}": not an id`);
}
