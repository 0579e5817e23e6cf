import type { IncomingMessage } from "node:http";

/** What a client wants to speak instead of HTTP. */
export type UpgradeKind = "spdy" | "websocket" | "other";

export function upgradeKind(request: IncomingMessage): UpgradeKind {
  const wanted = (request.headers.upgrade ?? "").trim().toLowerCase();
  if (wanted === "spdy/3.1") return "spdy";
  return wanted === "websocket" ? "websocket" : "other";
}
