import { text } from "node:stream/consumers";

import { openSpdy } from "@crib/streaming/testing";

/** What a client gives to a session over SPDY whose streams it opens itself. */
export interface SpdyStreamsInput {
  /** Offered to the server, none at all if empty. */
  readonly protocols: readonly string[];
  /** Sent, and not ended. Absent: no stream for it. */
  readonly stdin?: string;
  /** A terminal: no stderr. */
  readonly tty?: boolean;
  /** Sent on the stream of sizes, which is opened for it. */
  readonly resize?: string;
}

/** All that a session over SPDY said. */
export interface SpdyStreamsSession {
  /** As the answer names it. */
  readonly protocol: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** As it came on the error stream. */
  readonly error: string;
  /** Whether the server ended its half of stdin before stdout had its first byte: the sign of the first version that stdin is connected. */
  readonly stdinEndedFirst: boolean;
}

/** Joins a session with streams of the version's own, and waits for the end of all of them. */
export async function runOverSpdyStreams(
  url: string,
  { protocols, stdin, tty = false, resize }: SpdyStreamsInput,
): Promise<SpdyStreamsSession> {
  using client = await openSpdy(url, ...protocols);
  const error = client.open("error");
  error.end();
  const input = stdin === undefined ? undefined : client.open("stdin");
  const stdout = client.open("stdout");
  const stderr = tty ? undefined : client.open("stderr");
  const sizes = resize === undefined ? undefined : client.open("resize");
  sizes?.resume();
  sizes?.write(resize);
  const ended = Promise.withResolvers<boolean>();
  input?.resume().once("end", () => ended.resolve(true));
  stdout.once("data", () => ended.resolve(false));
  stdout.once("end", () => ended.resolve(false));
  const all = Promise.all([text(stdout), stderr ? text(stderr) : "", text(error)]);
  input?.write(stdin);
  const [said, complained, told] = await all;
  return {
    protocol: client.protocol,
    stdout: said,
    stderr: complained,
    error: told,
    stdinEndedFirst: await ended.promise,
  };
}
