import { invalid, quote } from "./invalid.ts";
import { checkCount, checkText } from "./text.ts";

/** Kubernetes allows 256 KiB of annotations in all; the kubelet adds some of its own. */
const maxTotalBytes = 512 * 1024;
const maxEntries = 10_000;
/** A DNS prefix, a slash and a name; other clients take more. */
const maxKeyBytes = 1_024;

/**
 * Labels or annotations in a map without prototype, so that no key (`__proto__`, `constructor`) means more than its
 * letters. Values may have line feeds, as annotations that hold documents do; a NUL is refused.
 */
export function checkStringMap(field: string, map: Readonly<Record<string, string>>): Record<string, string> {
  const checked = Object.create(null) as Record<string, string>;
  const entries = Object.entries(map);
  checkCount(field, entries.length, maxEntries);
  let bytes = 0;
  for (const [key, value] of entries) {
    if (key === "") throw invalid(field, "has an empty key");
    checkText(field, key, { maxBytes: maxKeyBytes });
    if (value.includes("\0")) throw invalid(field, `the value of ${quote(key)} has a NUL`);
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
    checked[key] = value;
  }
  if (bytes > maxTotalBytes) throw invalid(field, `${bytes} bytes in all; the limit is ${maxTotalBytes}`);
  return checked;
}
