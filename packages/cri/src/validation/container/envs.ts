import type { ContainerRequest } from "@crib/core/containers";
import type { KeyValue } from "@crib/wire/cri";

import { invalid, quote } from "../values/invalid.ts";
import { checkCount } from "../values/text.ts";
import { maxArgumentBytes } from "./command.ts";

const field = "config.envs";
/** A namespace with thousands of services has seven variables for each. */
const maxEnvs = 65_536;

/**
 * Environment variables in the order of the request. Bytes of a value that are no UTF-8 become U+FFFD, as an OCI
 * specification, which is JSON, cannot hold them. Messages never have a value: it may be a secret.
 */
export function checkEnvs(envs: readonly KeyValue[]): ContainerRequest["envs"] {
  checkCount(field, envs.length, maxEnvs);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return envs.map(({ key, value }, index) => {
    const where = `${field}[${index}]`;
    if (key === "") throw invalid(`${where}.key`, "is empty");
    if (key.includes("=") || key.includes("\0")) throw invalid(`${where}.key`, `${quote(key)} has a "=" or a NUL`);
    if (value.includes(0)) throw invalid(`${where}.value`, `the value of ${quote(key)} has a NUL`);
    // One byte for "=", one for the NUL at the end.
    const bytes = Buffer.byteLength(key) + value.length + 2;
    if (bytes > maxArgumentBytes) {
      throw invalid(where, `${quote(key)} takes ${bytes} bytes; the limit is ${maxArgumentBytes}`);
    }
    return { key, value: decoder.decode(value) };
  });
}
