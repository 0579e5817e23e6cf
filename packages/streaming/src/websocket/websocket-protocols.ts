import type { StatusFormat } from "../session/status.ts";
import { base64Codec, binaryCodec, type ChannelCodec } from "./channel-codec.ts";

/** What a WebSocket subprotocol of exec and attach means. */
export interface CommandProtocol {
  readonly codec: ChannelCodec;
  readonly status: StatusFormat;
  readonly halfClose: boolean;
}

/** Subprotocols of exec and attach; the empty name is for clients that ask for none. */
export const commandProtocols: ReadonlyMap<string, CommandProtocol> = new Map<string, CommandProtocol>([
  ["", { codec: binaryCodec, status: "text", halfClose: false }],
  ["channel.k8s.io", { codec: binaryCodec, status: "text", halfClose: false }],
  ["base64.channel.k8s.io", { codec: base64Codec, status: "text", halfClose: false }],
  ["v4.channel.k8s.io", { codec: binaryCodec, status: "json", halfClose: false }],
  ["v4.base64.channel.k8s.io", { codec: base64Codec, status: "json", halfClose: false }],
  ["v5.channel.k8s.io", { codec: binaryCodec, status: "json", halfClose: true }],
]);

/** A SPDY/3.1 connection inside binary messages. */
export const tunnelProtocol = "SPDY/3.1+portforward.k8s.io";

/** Subprotocols of port-forward: a pair of channels for each port, or a tunnel. */
export const portForwardProtocols: ReadonlyMap<string, ChannelCodec | "tunnel"> = new Map<
  string,
  ChannelCodec | "tunnel"
>([
  ["", binaryCodec],
  ["v4.channel.k8s.io", binaryCodec],
  ["v4.base64.channel.k8s.io", base64Codec],
  [tunnelProtocol, "tunnel"],
]);
