import { Code, StatusError } from "@crib/errdefs";

import { decodeResponse, type ResponseEnvelope } from "./envelope.ts";
import type { ReceivedFrame } from "./frame-reader.ts";
import { FrameType } from "./frame.ts";
import { callingMethod, type NamedMethod } from "./method-messages.ts";
import { RemoteError } from "./remote-error.ts";

/** The message that a response frame carries. Throws the server's status, or what is wrong with the frame. */
export function readResponse(frame: ReceivedFrame, method: NamedMethod): Uint8Array {
  const payload = framePayload(frame, method);
  if (frame.type !== FrameType.Response) {
    throw new StatusError(Code.Internal, `${callingMethod(method)}: the server sent a stream, not a response`);
  }
  const response = decode(payload, method);
  if (response.status !== undefined && response.status.code !== Code.OK) throw new RemoteError(response.status);
  return response.payload;
}

/** The payload of a frame, or `ResourceExhausted` if it was over the limit. */
export function framePayload(frame: ReceivedFrame, method: NamedMethod): Uint8Array {
  if (frame.payload !== undefined) return frame.payload;
  throw new StatusError(
    Code.ResourceExhausted,
    `${callingMethod(method)}: the server sent ${frame.payloadBytes} bytes, which is over the limit`,
  );
}

function decode(payload: Uint8Array, method: NamedMethod): ResponseEnvelope {
  try {
    return decodeResponse(payload);
  } catch (cause) {
    throw new StatusError(Code.Internal, `${callingMethod(method)}: the server's response cannot be decoded`, {
      cause,
    });
  }
}
