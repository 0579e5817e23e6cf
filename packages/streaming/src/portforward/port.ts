import { Code, StatusError } from "@crib/errdefs";

const maxPort = 65_535;

/** Whether this is the number of a TCP port that can be connected to. */
export function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= maxPort;
}

/** Reads a port in decimal digits; undefined for anything else. */
export function parsePort(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return isPort(port) ? port : undefined;
}

/** Ports that a WebSocket can carry, two channels each, where a channel is one ASCII character. */
const maxPorts = 32;

/** InvalidArgument when one of them is no port or they are too many. */
export function checkPorts(ports: readonly number[]): void {
  const wrong = ports.find((port) => !isPort(port));
  if (wrong !== undefined)
    throw new StatusError(Code.InvalidArgument, `forwarding port ${wrong}: not between 1 and ${maxPort}`);
  if (ports.length > maxPorts)
    throw new StatusError(Code.InvalidArgument, `forwarding ${ports.length} ports: limit ${maxPorts}`);
}
