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

/** InvalidArgument when one of them is no port, or comes twice. */
export function checkPorts(ports: readonly number[]): void {
  const wrong = ports.find((port, index) => !isPort(port) || ports.indexOf(port) !== index);
  if (wrong !== undefined)
    throw new StatusError(
      Code.InvalidArgument,
      `forwarding port ${wrong}: not a port between 1 and ${maxPort}, or given twice`,
    );
}
