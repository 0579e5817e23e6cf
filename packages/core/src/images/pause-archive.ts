import { parseReference } from "@crib/oci-spec";

import { type NamedArchive, oneLayerArchive } from "./one-layer-archive.ts";

/** Where the pause program is in its image. */
const pausePath = "/pause";

/** Mount points of the pause container: its root is read-only when the runtime looks for them. */
const directories = ["dev/", "proc/", "sys/", "etc/"];

/** Makes an image of a static program, whose one layer holds it and nothing else; it is named by what it is. */
export function pauseArchive(program: Uint8Array, args: readonly string[], signal: AbortSignal): NamedArchive {
  const entries = [
    ...directories.map((name) => ({ name, type: "directory" as const })),
    { name: "etc/resolv.conf", type: "file" as const },
    { name: pausePath.slice(1), type: "file" as const, content: program, mode: 0o755 },
  ];
  const config = { Entrypoint: [pausePath, ...args], Env: ["PATH=/"], User: "65535:65535", WorkingDir: "/" };
  return oneLayerArchive(
    {
      entries,
      config,
      // Its own digest is no part of a tag's grammar; half of it tells programs apart as well.
      nameOf: (id) => parseReference(`localhost/crib/pause:${id.slice("sha256:".length, "sha256:".length + 32)}`),
    },
    signal,
  );
}
