/** The first 13 hexadecimal digits of an id or digest, as crictl shows them; any daemon takes them for the whole. */
export function shortId(id: string): string {
  return id.replace(/^sha(?:256|512):/, "").slice(0, 13);
}
