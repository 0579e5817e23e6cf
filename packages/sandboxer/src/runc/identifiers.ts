import { Code, StatusError } from "@crib/errdefs";

/** Ids become names of files and arguments: no separator, no leading dash or dot. */
const pattern = /^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}$/;

/** Gives back the id of a container or exec. InvalidArgument for one that could not be the name of a file. */
export function checkId(kind: "task" | "exec", id: string): string {
  if (pattern.test(id)) return id;
  throw new StatusError(Code.InvalidArgument, `${kind} ${JSON.stringify(id.slice(0, 200))}: not a valid id`);
}
