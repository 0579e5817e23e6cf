import { Signal } from "@crib/wire/cri";

/** The signal of a name such as `SIGTERM` or `SIGRTMIN+3`; undefined for a name that is none. */
export function signalOf(name: string): Signal | undefined {
  if (!/^SIG[A-Z0-9]+([+-]\d+)?$/.test(name)) return undefined;
  const key = name.replace("+", "PLUS").replace("-", "MINUS");
  return Object.entries(Signal).find(([known]) => known === key)?.[1];
}
