import { hostnameOf, isLoopback, portOf } from "./host-name.ts";

/** The host that serves a registry's name: Docker Hub's differs from its name. */
export function serverOf(registry: string): string {
  return registry === "docker.io" ? "registry-1.docker.io" : registry;
}

/** How a host is spoken to that no configuration names a scheme for. */
export interface DefaultScheme {
  readonly scheme: "http" | "https";
  readonly fallsBack: boolean;
  readonly skipVerify: boolean;
}

/**
 * TLS, but for hosts of the loopback network, as containerd does it: TLS without verification, or plain HTTP where TLS
 * is not spoken; on port 80 plain HTTP only, on 443 (or no port) TLS only. What is sent there does not leave the machine.
 */
export function defaultScheme(host: string): DefaultScheme {
  if (!isLoopback(hostnameOf(host))) return { scheme: "https", fallsBack: false, skipVerify: false };
  const port = portOf(host);
  if (port === 80) return { scheme: "http", fallsBack: false, skipVerify: false };
  return { scheme: "https", fallsBack: port !== undefined && port !== 443, skipVerify: true };
}
