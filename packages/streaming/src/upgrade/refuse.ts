import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

/** Milliseconds that a refused client has to take the answer and go. */
const refusalMs = 5_000;

/** Answers a request with an error and closes its connection, so that nothing more can come over it. */
export function refuse(
  socket: Duplex,
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = `${message}\n`;
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    "Connection: close",
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  const timer = setTimeout(() => socket.destroy(), refusalMs).unref();
  socket.on("error", () => socket.destroy());
  socket.on("close", () => clearTimeout(timer));
  socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
  socket.on("end", () => socket.destroy());
  socket.resume();
}
