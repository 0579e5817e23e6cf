import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";

import { Code } from "@crib/errdefs";

import { BoundedMap } from "../bounded-map.ts";
import { RequestFailure } from "../failures/request-failure.ts";
import type { Endpoint, TlsMaterial } from "../hosts/endpoint.ts";
import { hostnameOf, isLoopback } from "../hosts/host-name.ts";

/** Kinds of connections that are kept at a time; further ones are made anew. */
const agentLimit = 64;
/** Milliseconds after which an idle connection is closed. */
const idleMs = 15_000;

/** Keeps connections, by their kind: scheme, TLS material, proxy. Idle ones do not keep the process alive. */
export class Connections {
  readonly #agents = new BoundedMap<HttpAgent>(agentLimit);
  readonly #proxyEnvironment: NodeJS.ProcessEnv;

  constructor(proxyEnvironment: NodeJS.ProcessEnv) {
    this.#proxyEnvironment = proxyEnvironment;
  }

  /**
   * The agent for a URL that an endpoint named or is at. Elsewhere than at the endpoint itself, its authorities and
   * `skip_verify` count (storages behind a registry have certificates of the same kind), its client certificate does not.
   */
  agent(endpoint: Endpoint, url: URL, isForeign: boolean): HttpAgent {
    const isTls = url.protocol === "https:";
    const proxyEnv = this.#proxyFor(endpoint, url, isForeign);
    const key = JSON.stringify([isTls && endpoint.tls.id, isForeign && endpoint.tls.clients.length > 0, proxyEnv]);
    const known = this.#agents.find(key);
    if (known !== undefined) return known;
    const options = { keepAlive: true, timeout: idleMs, ...(proxyEnv !== undefined && { proxyEnv }) };
    const agent = isTls
      ? new HttpsAgent({
          ...options,
          secureContext: secureContext(endpoint.tls, !isForeign),
          rejectUnauthorized: !endpoint.tls.skipVerify,
        })
      : new HttpAgent(options);
    this.#agents.set(key, agent);
    return agent;
  }

  /** Closes all connections, those in use too. */
  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  #proxyFor(endpoint: Endpoint, url: URL, isForeign: boolean): NodeJS.ProcessEnv | undefined {
    const { proxy } = endpoint;
    if (proxy !== undefined && !isForeign) return { HTTP_PROXY: proxy, HTTPS_PROXY: proxy };
    // A proxy elsewhere has another loopback network.
    return isLoopback(hostnameOf(url.host)) ? undefined : this.#proxyEnvironment;
  }
}

/** The variables that say which proxy to use, as Node's agents read them. */
export function proxyVariables(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"];
  return Object.fromEntries(names.filter((name) => environment[name]).map((name) => [name, environment[name]]));
}

let systemAuthorities: readonly string[] | undefined;

/** The machine's authorities, as its administrator has set them up; Node's own where it has none. */
function authorities(): readonly string[] {
  if (systemAuthorities === undefined) {
    const system = getCACertificates("system");
    // A directory of authorities has each one under several names, and each costs time for every context.
    systemAuthorities = [...new Set(system.length > 0 ? system : getCACertificates("default"))];
  }
  return systemAuthorities;
}

function secureContext(tls: TlsMaterial, withClients: boolean): SecureContext {
  const clients = withClients ? tls.clients : [];
  try {
    return createSecureContext({
      // Nothing is compared with authorities that take 10 ms to read.
      ca: tls.skipVerify ? [] : [...authorities(), ...tls.authorities],
      ...(clients.length > 0 && {
        cert: clients.map(({ certificate }) => certificate),
        key: clients.map(({ key }) => key),
      }),
    });
  } catch (reason) {
    const why = `its certificates or keys cannot be used: ${(reason as Error).message}`;
    throw new RequestFailure(Code.FailedPrecondition, why, { cause: reason, retry: false });
  }
}
