import { PassThrough, Readable, type Writable } from "node:stream";
import { buffer } from "node:stream/consumers";

import { connectExec, type ExecClientStreams } from "@crib/streaming";
import { openWebSocket, type TestWebSocket } from "@crib/streaming/testing";

import type { Node } from "../node.ts";
import type { Pod } from "../pod.ts";
import type { Container } from "./container.ts";

/** Which streams a URL is asked for with. Default: stdout and stderr, or with a terminal stdin and stdout. */
export interface AskedStreams {
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly tty?: boolean;
}

/** What came of a session. */
export interface SessionResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** The URL at which a command waits for its client. */
export async function execUrl(
  node: Pick<Node, "cri">,
  { id: containerId }: Pick<Container, "id">,
  cmd: readonly string[],
  asked: AskedStreams = {},
): Promise<string> {
  return (await node.cri.runtime.exec({ containerId, cmd: [...cmd], ...allOf(asked) })).url;
}

/** The URL at which a container's first process waits for a client. */
export async function attachUrl(
  node: Pick<Node, "cri">,
  { id: containerId }: Pick<Container, "id">,
  asked: AskedStreams = {},
): Promise<string> {
  return (await node.cri.runtime.attach({ containerId, ...allOf(asked) })).url;
}

/** The URL at which ports of a pod wait for a client. */
export async function portForwardUrl(
  node: Pick<Node, "cri">,
  { id: podSandboxId }: Pick<Pod, "id">,
  ...port: readonly number[]
): Promise<string> {
  return (await node.cri.runtime.portForward({ podSandboxId, port: [...port] })).url;
}

function allOf({ stdin = false, stdout = true, tty = false, stderr = !tty }: AskedStreams): Required<AskedStreams> {
  return { stdin, stdout, stderr, tty };
}

/** What a client gives to a session that it joins over SPDY. */
export interface SpdyInput extends Pick<ExecClientStreams, "resizes" | "onOpen"> {
  /** Absent: no stdin. A text is followed by the end. */
  readonly stdin?: string | Readable;
  readonly tty?: boolean;
  /** Gets the output instead of the result. */
  readonly stdout?: Writable;
}

/** Joins a session with crib's own client and waits for its end. */
export async function runOverSpdy(url: string, input: SpdyInput, signal: AbortSignal): Promise<SessionResult> {
  const { stdin, tty = false, stdout, ...more } = input;
  const out = new PassThrough();
  const err = new PassThrough();
  const texts = Promise.all([buffer(out), buffer(err)]);
  try {
    const { exitCode } = await connectExec(
      url,
      {
        ...more,
        tty,
        stdout: stdout ?? out,
        ...(!tty && { stderr: err }),
        ...(stdin !== undefined && { stdin: typeof stdin === "string" ? Readable.from([Buffer.from(stdin)]) : stdin }),
      },
      signal,
    );
    out.end();
    err.end();
    const [said, complained] = await texts;
    return { stdout: said.toString(), stderr: complained.toString(), exitCode };
  } finally {
    out.end();
    err.end();
  }
}

/** Channels of the remote command protocols. */
export const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** Sends on a channel; settles when the connection has taken it. */
export function sendOn(client: TestWebSocket, channel: number, data: string | Buffer): Promise<void> {
  const message = Buffer.concat([Buffer.from([channel]), Buffer.from(data)]);
  return new Promise((resolve, reject) => {
    client.socket.send(message, (error) => (error ? reject(error) : resolve()));
  });
}

/** Ends a channel, which only the fifth protocol can. */
export function endChannel(client: TestWebSocket, channel: number): Promise<void> {
  return sendOn(client, channels.close, Buffer.from([channel]));
}

/** Joins a session over WebSocket, sends all input and its end, and waits for the end. */
export async function runOverWebSocket(
  url: string,
  stdin?: string,
  protocol = "v5.channel.k8s.io",
): Promise<SessionResult> {
  using client = await openWebSocket(url, protocol);
  if (stdin !== undefined) {
    await sendOn(client, channels.stdin, stdin);
    if (protocol.startsWith("v5")) await endChannel(client, channels.stdin);
  }
  await client.closed;
  return {
    stdout: client.channel(channels.stdout).toString(),
    stderr: client.channel(channels.stderr).toString(),
    exitCode: exitCodeOf(client.channel(channels.error).toString()),
  };
}

interface Status {
  readonly status: string;
  readonly message?: string;
  readonly reason?: string;
  readonly details?: { readonly causes?: readonly { readonly reason: string; readonly message: string }[] };
}

/** The exit code in what the error channel of the fourth and fifth protocols says; fails with a message that tells of a failure. */
export function exitCodeOf(text: string): number {
  const status = JSON.parse(text) as Status;
  if (status.status === "Success") return 0;
  const cause = status.details?.causes?.find(({ reason }) => reason === "ExitCode");
  if (cause === undefined) throw new Error(status.message ?? text);
  return Number(cause.message);
}

/** Milliseconds that a stream may take to say what is waited for, on a busy machine. */
const saidMs = 30_000;

/** Waits for a piece of text on a stream; gives all that came until then. What comes later is thrown away. Asked once a stream. */
export function untilSaid(stream: Readable, wanted: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = "";
  const fail = (why: string): void => reject(new Error(`${why} before "${wanted}", after "${text.slice(-200)}"`));
  const timer = setTimeout(() => fail(`nothing for ${saidMs} ms`), saidMs);
  stream.on("data", (chunk: Buffer) => {
    text += chunk.toString();
    if (text.includes(wanted)) resolve(text);
  });
  stream.on("close", () => fail("the end"));
  return promise.finally(() => clearTimeout(timer));
}
