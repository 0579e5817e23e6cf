import { invalid } from "./values/invalid.ts";

const idOrPrefix = /^[0-9a-f]{1,64}$/;

/** Whether a client's id can be one of ours or the beginning of one; any other string names nothing. */
export function canBeId(id: string): boolean {
  return idOrPrefix.test(id);
}

/** Fails with InvalidArgument on an empty id, which is a client's mistake even where unknown ids succeed. */
export function checkGiven(field: string, id: string): void {
  if (id === "") throw invalid(field, "is empty");
}
