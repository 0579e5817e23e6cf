import { isIP } from "node:net";

/** The name or address in `host[:port]`, without the brackets of an IPv6 address, in lower case. */
export function hostnameOf(host: string): string {
  const name = host.startsWith("[") ? host.slice(1, host.indexOf("]")) : (host.split(":", 1)[0] ?? "");
  return name.toLowerCase();
}

/** The port in `host[:port]`; undefined without one. */
export function portOf(host: string): number | undefined {
  const port = /:(\d{1,5})$/.exec(host)?.[1];
  return port === undefined ? undefined : Number(port);
}

/** Whether a host's name or address means this machine itself: `localhost`, 127.0.0.0/8, `::1`. */
export function isLoopback(hostname: string): boolean {
  if (hostname === "localhost" || hostname === "::1") return true;
  return isIP(hostname) === 4 && hostname.startsWith("127.");
}
