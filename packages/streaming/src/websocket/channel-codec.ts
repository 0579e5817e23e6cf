/** A message between client and server: the channel it belongs to, then data. */
export interface ChannelMessage {
  readonly channel: number;
  readonly data: Buffer;
}

/** How channel and data are put into a WebSocket message. */
export interface ChannelCodec {
  readonly binary: boolean;
  encode(channel: number, data: Buffer): Buffer;
  /** Undefined for an empty message. */
  decode(message: Buffer): ChannelMessage | undefined;
}

/** One byte of channel, then the data. */
export const binaryCodec: ChannelCodec = {
  binary: true,
  encode(channel, data) {
    const message = Buffer.allocUnsafe(1 + data.length);
    message[0] = channel;
    data.copy(message, 1);
    return message;
  },
  decode: (message) => (message.length === 0 ? undefined : { channel: message[0]!, data: message.subarray(1) }),
};

const zero = "0".charCodeAt(0);

/** The channel as an ASCII digit (or what follows it in ASCII), then the data as base64, for clients that can only send text. */
export const base64Codec: ChannelCodec = {
  binary: false,
  encode: (channel, data) => Buffer.from(String.fromCharCode(zero + channel) + data.toString("base64"), "latin1"),
  decode(message) {
    if (message.length === 0) return undefined;
    return { channel: message[0]! - zero, data: Buffer.from(message.toString("latin1", 1), "base64") };
  },
};
