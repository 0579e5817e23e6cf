import { isIP } from "node:net";

import type { PortMapping } from "@crib/core/sandbox";
import { type PortMapping as CriPortMapping, Protocol } from "@crib/wire/cri";

import { checkInteger } from "../values/integer.ts";
import { invalid, quote } from "../values/invalid.ts";
import { checkCount } from "../values/text.ts";

const maxMappings = 4_096;
const maxPort = 65_535;

const protocols: ReadonlyMap<number, PortMapping["protocol"]> = new Map([
  [Protocol.TCP, "tcp"],
  [Protocol.UDP, "udp"],
  [Protocol.SCTP, "sctp"],
]);

/** Port mappings; those with host port 0 stay in the list and ask for nothing. */
export function checkPortMappings(mappings: readonly CriPortMapping[]): PortMapping[] {
  checkCount("config.port_mappings", mappings.length, maxMappings);
  return mappings.map((mapping, index) => checkPortMapping(`config.port_mappings[${index}]`, mapping));
}

function checkPortMapping(field: string, mapping: CriPortMapping): PortMapping {
  const protocol = protocols.get(mapping.protocol);
  if (!protocol) throw invalid(`${field}.protocol`, `${mapping.protocol} is no known protocol`);
  if (mapping.hostIp !== "" && isIP(mapping.hostIp) === 0) {
    throw invalid(`${field}.host_ip`, `${quote(mapping.hostIp)} is not an IP address`);
  }
  return {
    protocol,
    containerPort: checkInteger(`${field}.container_port`, mapping.containerPort, 0, maxPort),
    hostPort: checkInteger(`${field}.host_port`, mapping.hostPort, 0, maxPort),
    hostIp: mapping.hostIp,
  };
}
