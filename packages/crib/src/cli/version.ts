import { cribVersion } from "../version.ts";

/** Prints the versions of crib and Node. */
export function printVersion(options: { readonly json?: true }): void {
  const versions = {
    crib: cribVersion(),
    node: process.versions.node,
    platform: `${process.platform}/${process.arch}`,
  };
  if (options.json) console.log(JSON.stringify(versions));
  else console.log(`crib ${versions.crib} (node ${versions.node}, ${versions.platform})`);
}
