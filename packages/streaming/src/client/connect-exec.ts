import type { Readable, Writable } from "node:stream";
import { finished } from "node:stream/promises";

import { Code, StatusError } from "@crib/errdefs";

import { parseOutcome } from "../session/parse-outcome.ts";
import type { SpdyConnection } from "../spdy/spdy-connection.ts";
import type { SpdyStream } from "../spdy/spdy-stream.ts";
import type { TerminalSize } from "../types.ts";
import { readText } from "./read-text.ts";
import { upgradeToSpdy } from "./upgrade.ts";

/** The client's ends; they must be those that the session was asked for. None is closed here. */
export interface ExecClientStreams {
  /** Its end becomes the end of the process's stdin. */
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  /** Never with a terminal. */
  readonly stderr?: Writable;
  readonly tty?: boolean;
  /** Sizes of the terminal, from the first on. */
  readonly resizes?: AsyncIterable<TerminalSize>;
  /** Called once when the server has taken all streams. What it sends may come before. */
  readonly onOpen?: () => void;
}

/**
 * Joins the streams with the session behind a URL of Exec or Attach, of crib or any other runtime, over SPDY/3.1 (which, other than the WebSocket
 * protocols of older servers, can half-close stdin). Settles with the exit code when the session has ended and its output was written.
 * Rejects when the server reports a failure, the connection breaks, or `signal` is aborted.
 */
export async function connectExec(
  url: string,
  streams: ExecClientStreams,
  signal: AbortSignal,
): Promise<{ readonly exitCode: number }> {
  const { connection } = await upgradeToSpdy(url, ["v4.channel.k8s.io"], signal);
  try {
    const outcome = parseOutcome(await joinStreams(connection, streams));
    if (outcome.kind === "failed") throw new StatusError(Code.Internal, `running in the container: ${outcome.message}`);
    return { exitCode: outcome.exitCode };
  } catch (error) {
    throw signal.aborted ? StatusError.from(signal.reason, "running in the container") : error;
  } finally {
    connection.destroy();
  }
}

/** What the server sends on the error stream, when the outputs have ended. */
async function joinStreams(connection: SpdyConnection, streams: ExecClientStreams): Promise<string> {
  const opened: SpdyStream[] = [];
  const open = (type: string): SpdyStream => {
    const stream = connection.open(new Map([["streamtype", type]]));
    stream.takeResetAsEnd();
    opened.push(stream);
    return stream;
  };
  const error = open("error");
  error.end();
  const status = readText(error);
  const stdin = streams.stdin && open("stdin");
  const outputs = [
    ...(streams.stdout ? [copyOutput(open("stdout"), streams.stdout)] : []),
    ...(streams.stderr ? [copyOutput(open("stderr"), streams.stderr)] : []),
  ];
  if (streams.stdin && stdin) copyInput(streams.stdin, stdin);
  if (streams.tty === true) void sendResizes(open("resize"), streams.resizes);
  // A stream that is refused ends the session, which tells why.
  Promise.all(opened.map(({ accepted }) => accepted)).then(streams.onOpen, () => undefined);
  const [text] = await Promise.all([status, ...outputs]);
  return text;
}

async function copyOutput(stream: SpdyStream, output: Writable): Promise<void> {
  stream.pipe(output, { end: false });
  const broken = (error: Error): void => void stream.destroy(error);
  output.on("error", broken);
  try {
    await finished(stream, { writable: false });
  } finally {
    output.off("error", broken);
  }
}

function copyInput(input: Readable, stream: SpdyStream): void {
  input.pipe(stream);
  const broken = (error: Error): void => void stream.destroy(error);
  input.on("error", broken);
  // The server ends its side when the process is over: nobody reads the input any more.
  stream.resume();
  stream.on("end", () => input.unpipe(stream));
  stream.on("close", () => {
    input.unpipe(stream);
    input.off("error", broken);
  });
}

async function sendResizes(stream: SpdyStream, sizes: AsyncIterable<TerminalSize> | undefined): Promise<void> {
  stream.discard();
  for await (const { width, height } of sizes ?? []) {
    if (!stream.writable) return;
    stream.write(`${JSON.stringify({ Width: width, Height: height })}\n`);
  }
}
