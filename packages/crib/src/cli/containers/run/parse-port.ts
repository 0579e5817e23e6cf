import { isIP } from "node:net";

import { Code, StatusError } from "@crib/errdefs";
import { Protocol } from "@crib/wire/cri";

/** A port of the host that leads to one of a container. */
export interface PublishedPort {
  /** Address of the host; empty is all. */
  readonly hostIp: string;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: Protocol;
}

const protocols: Readonly<Record<string, Protocol>> = { tcp: Protocol.TCP, udp: Protocol.UDP, sctp: Protocol.SCTP };
const form = /^(?:(?<ip>\[[^\]]+\]|[^:[\]]+):)?(?<host>\d+):(?<container>\d+)(?:\/(?<protocol>[a-z]+))?$/;

/** Reads `[IP:]HOST:CONTAINER[/tcp|udp|sctp]`; an IPv6 address is in brackets. InvalidArgument for anything else. */
export function parsePublishedPort(text: string): PublishedPort {
  const groups = form.exec(text)?.groups;
  if (!groups) throw wrong(text, "expected [IP:]HOST:CONTAINER[/tcp|udp|sctp]");
  const hostIp = (groups["ip"] ?? "").replace(/^\[|\]$/g, "");
  if (hostIp !== "" && isIP(hostIp) === 0) throw wrong(text, `"${hostIp}" is no IP address`);
  const protocol = protocols[groups["protocol"] ?? "tcp"];
  if (protocol === undefined) throw wrong(text, `"${groups["protocol"]}" is not one of tcp, udp, sctp`);
  return {
    hostIp,
    hostPort: portNumber(text, groups["host"] ?? ""),
    containerPort: portNumber(text, groups["container"] ?? ""),
    protocol,
  };
}

function portNumber(text: string, digits: string): number {
  const number = Number(digits);
  if (number >= 1 && number <= 65_535) return number;
  throw wrong(text, `"${digits}" is no port from 1 to 65535`);
}

function wrong(text: string, why: string): StatusError {
  return new StatusError(Code.InvalidArgument, `reading --publish "${text}": ${why}`);
}
