/** Bytes of the header that precedes each payload. */
export const frameHeaderBytes = 10;

/** The largest payload of one frame: 4 MiB, as in containerd's implementation. */
export const defaultMaxMessageBytes: number = 4 << 20;

/** What a frame carries: the request that opens a stream, the response that ends it, or a message in between. */
export const FrameType = { Request: 1, Response: 2, Data: 3 } as const;

/** Bits of a frame's flags. */
export const FrameFlag = {
  /** The sender sends nothing more on this stream. */
  RemoteClosed: 1,
  /** On a request: the sender will stream further messages. */
  RemoteOpen: 2,
  /** The frame carries no message; without it an empty payload is an empty message. */
  NoData: 4,
} as const;

/** One unit of the protocol, as it is sent. */
export interface Frame {
  readonly streamId: number;
  readonly type: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

/** The bytes of a frame: length, stream id, type and flags in network order, then the payload. */
export function encodeFrame(frame: Frame): Uint8Array {
  const bytes = new Uint8Array(frameHeaderBytes + frame.payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, frame.payload.length);
  view.setUint32(4, frame.streamId);
  view.setUint8(8, frame.type);
  view.setUint8(9, frame.flags);
  bytes.set(frame.payload, frameHeaderBytes);
  return bytes;
}
