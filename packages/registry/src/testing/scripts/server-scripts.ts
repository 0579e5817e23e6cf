import { Code } from "@crib/errdefs";

import type { Fault } from "../exchange.ts";
import { hangUp, rawAnswer, silence, status } from "../faults.ts";
import { type FaultScript, manifestPath } from "./fault-script.ts";

function onManifest(
  name: string,
  ends: FaultScript["ends"],
  fault: Fault,
  times?: number,
  isSlow = false,
): FaultScript {
  return {
    name: `manifest: ${name}`,
    ends,
    ...(isSlow && { isSlow }),
    prepare: (stage) => {
      stage.registry.script({ path: manifestPath(stage), ...(times !== undefined && { times }) }, fault);
    },
  };
}

const inTwoSeconds: Fault = ({ response }) =>
  void response.writeHead(429, { "retry-after": new Date(Date.now() + 2_000).toUTCString() }).end();

/** Servers that are down, busy, closed or talk nonsense. */
export const serverScripts: readonly FaultScript[] = [
  onManifest("500 twice", "pulled", status(500), 2),
  onManifest("502 with a page of HTML, three times", "pulled", status(502, {}, "<html><h1>Bad gateway"), 3),
  onManifest("503 four times", "pulled", status(503), 4),
  onManifest("500 for ever", Code.Unavailable, status(500)),
  onManifest("501", Code.Unavailable, status(501)),
  onManifest("400", Code.InvalidArgument, status(400)),
  onManifest("403", Code.PermissionDenied, status(403)),
  onManifest("404", Code.NotFound, status(404)),
  onManifest("408 once", "pulled", status(408), 1),
  onManifest("418", Code.InvalidArgument, status(418)),
  onManifest("204 without anything", Code.InvalidArgument, status(204)),
  onManifest("429 once", "pulled", status(429), 1),
  onManifest("429 for ever", Code.ResourceExhausted, status(429)),
  onManifest("429, come back at once", "pulled", status(429, { "retry-after": "0" }), 1),
  onManifest("429, come back in a second", "pulled", status(429, { "retry-after": "1" }), 1, true),
  onManifest("429, come back at a time of day", "pulled", inTwoSeconds, 1, true),
  onManifest("429, come back in a year", Code.ResourceExhausted, status(429, { "retry-after": "31536000" })),
  onManifest(
    "429, come back in 400 digits of seconds",
    Code.ResourceExhausted,
    status(429, { "retry-after": "9".repeat(400) }),
  ),
  onManifest("429, come back before now", "pulled", status(429, { "retry-after": "-5" }), 1),
  onManifest("429, come back soon, in words", "pulled", status(429, { "retry-after": "soon" }), 1),
  onManifest("503, come back at once", "pulled", status(503, { "retry-after": "0" }), 2),
  onManifest("connection reset twice", "pulled", hangUp, 2),
  onManifest("connection reset for ever", Code.Unavailable, hangUp),
  onManifest("no answer once", "pulled", silence, 1, true),
  onManifest("no HTTP once", "pulled", rawAnswer("SSH-2.0-OpenSSH_9.2\r\n"), 1),
  onManifest(
    "two lengths",
    Code.InvalidArgument,
    rawAnswer("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx"),
  ),
  onManifest("100 KiB of headers", Code.ResourceExhausted, status(200, { "x-long": "x".repeat(100 << 10) })),
  onManifest(
    "switches protocols",
    Code.Unavailable,
    rawAnswer("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: spdy\r\n\r\n"),
  ),
];
