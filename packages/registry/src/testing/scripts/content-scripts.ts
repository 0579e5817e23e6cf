import { Code } from "@crib/errdefs";

import type { Fault } from "../exchange.ts";
import { flipped, gzipped, serveWith, status } from "../faults.ts";
import { type FaultScript, manifestPath } from "./fault-script.ts";

const ociManifest = { "content-type": "application/vnd.oci.image.manifest.v1+json" };

function serving(name: string, ends: FaultScript["ends"], fault: Fault, times?: number): FaultScript {
  return {
    name: `manifest: ${name}`,
    ends,
    prepare: (stage) => {
      stage.registry.script({ path: manifestPath(stage), ...(times !== undefined && { times }) }, fault);
    },
  };
}

const endless: Fault = ({ response }) => {
  response.writeHead(200, ociManifest);
  const more = (): void => {
    while (!response.destroyed && response.write(Buffer.alloc(64 << 10, " ")));
    if (!response.destroyed) response.once("drain", more);
  };
  more();
};

const confused = JSON.stringify({ schemaVersion: 2, manifests: [], layers: [], config: {} });

/** Manifests and configurations that are not what they should be. */
export const contentScripts: readonly FaultScript[] = [
  serving("no JSON", Code.InvalidArgument, status(200, ociManifest, "<!DOCTYPE html>")),
  serving("empty", Code.InvalidArgument, status(200, ociManifest)),
  serving("type of a page", Code.InvalidArgument, serveWith({ headers: { "content-type": "text/html" } })),
  serving(
    "type of an index",
    Code.InvalidArgument,
    serveWith({ headers: { "content-type": "application/vnd.oci.image.index.v1+json" } }),
  ),
  serving(
    "manifest and index in one",
    Code.InvalidArgument,
    status(200, { "content-type": "application/json" }, confused),
  ),
  serving("5 MiB", Code.ResourceExhausted, serveWith({ bytes: Buffer.alloc(5 << 20, " ") })),
  serving("no end", Code.ResourceExhausted, endless),
  serving("packed by gzip", Code.InvalidArgument, gzipped),
  serving("no length", "pulled", serveWith({ isChunked: true })),
  serving("connection reset in mid body", "pulled", serveWith({ stopAfter: 20 }), 2),
  serving("a bit is wrong", Code.DataLoss, flipped),
  serving("no digest stated", "pulled", serveWith({ headers: { "docker-content-digest": undefined } })),
  serving(
    "another digest stated",
    Code.DataLoss,
    serveWith({ headers: { "docker-content-digest": `sha256:${"0".repeat(64)}` } }),
  ),
  serving(
    "no digest stated as one",
    Code.InvalidArgument,
    serveWith({ headers: { "docker-content-digest": "sha256:../x" } }),
  ),
  {
    name: "config: a bit is wrong",
    ends: Code.DataLoss,
    prepare: ({ registry, image }) => void registry.script({ path: image.config.digest }, flipped),
  },
  {
    name: "config: connection reset in mid body",
    ends: "pulled",
    prepare: ({ registry, image }) =>
      void registry.script({ path: image.config.digest, times: 2 }, serveWith({ stopAfter: 10 })),
  },
];
