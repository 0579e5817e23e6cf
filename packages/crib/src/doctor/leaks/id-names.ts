import { isSandboxId } from "@crib/core/sandbox";

/** The id in a name such as `crib-ID` or `crib-ID.scope`; undefined for any other name. */
export function idOfName(name: string): string | undefined {
  const id = /^crib-([0-9a-f]{64})(?:\.scope|\.slice)?$/.exec(name)?.[1];
  return id !== undefined && isSandboxId(id) ? id : undefined;
}

/** All ids in a text, each once. */
export function idsIn(text: string): readonly string[] {
  return [...new Set(text.match(/(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g))].filter(isSandboxId);
}

/** The id of the pod whose directory a path lies in or is: `BASE/FOLDER/ID/...`, a leading dot of ID ignored. */
export function idOfPath(base: string, path: string): string | undefined {
  if (!path.startsWith(`${base}/`)) return undefined;
  const name = path
    .slice(base.length + 1)
    .split("/")[1]
    ?.replace(/^\./, "");
  return name !== undefined && isSandboxId(name) ? name : undefined;
}
