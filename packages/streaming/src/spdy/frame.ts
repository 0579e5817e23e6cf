/** The control frames of SPDY/3 by number (SPDY protocol draft 3, section 2.6). */
export const FrameType = {
  SynStream: 1,
  SynReply: 2,
  RstStream: 3,
  Settings: 4,
  Ping: 6,
  GoAway: 7,
  Headers: 8,
  WindowUpdate: 9,
} as const;

/** Why a stream was reset (section 2.6.3). */
export const ResetStatus = {
  ProtocolError: 1,
  InvalidStream: 2,
  RefusedStream: 3,
  Cancel: 5,
  InternalError: 6,
} as const;

/** One of the numbers of `ResetStatus`. */
export type ResetStatus = (typeof ResetStatus)[keyof typeof ResetStatus];

/** Says that the sender ends its half of the stream. */
export const flagFin = 1;

/** The only version of control frames: 3 also in SPDY/3.1. */
export const frameVersion = 3;

/** Bytes before the payload of every frame. */
export const frameHeaderBytes = 8;

function controlFrame(type: number, flags: number, ...payload: readonly Buffer[]): Buffer {
  const header = Buffer.allocUnsafe(frameHeaderBytes);
  header.writeUInt16BE(0x8000 | frameVersion, 0);
  header.writeUInt16BE(type, 2);
  const length = payload.reduce((sum, part) => sum + part.length, 0);
  header.writeUInt32BE(((flags << 24) | length) >>> 0, 4);
  return Buffer.concat([header, ...payload]);
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32BE(value >>> 0, index * 4));
  return bytes;
}

/** SYN_STREAM without a parent, of the highest priority. */
export function synStreamFrame(streamId: number, headerBlock: Buffer): Buffer {
  return controlFrame(FrameType.SynStream, 0, words(streamId, 0), Buffer.alloc(2), headerBlock);
}

export function synReplyFrame(streamId: number, headerBlock: Buffer): Buffer {
  return controlFrame(FrameType.SynReply, 0, words(streamId), headerBlock);
}

export function rstStreamFrame(streamId: number, status: ResetStatus): Buffer {
  return controlFrame(FrameType.RstStream, 0, words(streamId, status));
}

export function pingFrame(id: number): Buffer {
  return controlFrame(FrameType.Ping, 0, words(id));
}

export function goAwayFrame(lastStreamId: number): Buffer {
  return controlFrame(FrameType.GoAway, 0, words(lastStreamId, 0));
}

/** The eight bytes before `length` bytes of data. */
export function dataHeader(streamId: number, length: number, fin: boolean): Buffer {
  return words(streamId, ((fin ? flagFin : 0) << 24) | length);
}
