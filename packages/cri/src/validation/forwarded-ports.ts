import { checkInteger } from "./values/integer.ts";
import { checkCount } from "./values/text.ts";

/** The TCP ports of a pod that a client wants to reach; none where it says so later. */
export function checkForwardedPorts(ports: readonly number[]): number[] {
  checkCount("port", ports.length, 1_024);
  return ports.map((port, index) => checkInteger(`port[${index}]`, port, 1, 65_535));
}
