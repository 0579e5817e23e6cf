import { cancelled } from "../failures/cancelled.ts";
import { Tries, withTries } from "../failures/tries.ts";
import type { Endpoint } from "../hosts/endpoint.ts";
import type { Credentials } from "../types.ts";
import { HostFailures } from "./host-failures.ts";
import { type FetchRequest, findCredentials } from "./request.ts";

/** Makes all tries on one host after the other until an attempt succeeds. The error has the last reason of each host. */
export async function acrossHosts<T>(
  request: FetchRequest,
  attempt: (endpoint: Endpoint, credentials: Credentials | undefined) => Promise<T>,
): Promise<T> {
  const { endpoints, transport, doing, signal } = request;
  const failures = new HostFailures(doing);
  for (const endpoint of endpoints) {
    const tries = new Tries(transport.settings, endpoint.host, doing, signal);
    try {
      const credentials = await findCredentials(request, endpoint);
      return await withTries(tries, async () => attempt(endpoint, credentials));
    } catch (reason) {
      if (signal.aborted) throw cancelled(signal, doing);
      failures.add(endpoint.host, reason);
    }
  }
  throw failures.error();
}
