import { constants, fstatSync, openSync } from "node:fs";
import { Socket } from "node:net";

import { pino } from "pino";

/** Bytes that may wait for a slow reader; lines beyond are dropped and counted. */
const bufferLimitBytes = 4 * 1024 * 1024;

/** Where log lines go; pino writes whole lines, each ending in a newline. */
export interface LogSink {
  write(line: string): void;
}

/**
 * Writes lines to a file descriptor without ever waiting for its reader, at the end of the process neither. Pipes and
 * sockets are polled: a thread of the pool that is blocked in a write to one would also keep `process.exit` from
 * returning. Files and terminals have no reader to wait for, and are written directly.
 */
export function openLogSink(fd: number): LogSink {
  const stat = fstatSync(fd);
  if (!stat.isFIFO() && !stat.isSocket()) return pino.destination({ dest: fd, sync: true });
  // A pipe opened anew has flags of its own: O_NONBLOCK on it does not change what its other holders see.
  const own = stat.isFIFO() ? openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK) : fd;
  return new PolledSink(new Socket({ fd: own, readable: false, writable: true }));
}

class PolledSink implements LogSink {
  readonly #socket: Socket;
  #dropped = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    // Without a reader the log has nowhere to go, which must not end the daemon.
    socket.on("error", () => {});
    socket.on("drain", () => this.#tellDropped());
    socket.unref();
  }

  write(line: string): void {
    if (this.#socket.writableLength + line.length > bufferLimitBytes) this.#dropped++;
    else this.#socket.write(line);
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const line = { level: "warn", time: new Date().toISOString(), lines: this.#dropped, msg: "log lines dropped" };
    this.#dropped = 0;
    this.#socket.write(`${JSON.stringify(line)}\n`);
  }
}
