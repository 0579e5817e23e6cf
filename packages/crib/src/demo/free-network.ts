import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";

import { Code, StatusError } from "@crib/errdefs";

import type { DefaultNetwork } from "../daemon/config/types.ts";
import { refuseOverlap } from "../daemon/default-network.ts";

const run = promisify(execFile);

/** How many names and ranges are tried. */
const attempts = 16;

/**
 * A network that nothing on the host uses: the bridge as named, or with the next numbers at its end; the range as given, or
 * the next ones of its size class `10.N.0.0/16` when none was asked for.
 */
export async function findFreeNetwork(bridge: string, subnet: string | undefined): Promise<DefaultNetwork> {
  const name = await findFreeBridge(bridge);
  const candidates =
    subnet === undefined ? Array.from({ length: attempts }, (_, n) => `10.${88 + n}.0.0/16`) : [subnet];
  let refusal: unknown;
  for (const candidate of candidates) {
    const network = { name, bridge: name, subnet: candidate };
    try {
      await refuseOverlap(network);
      return network;
    } catch (reason) {
      refusal = reason;
    }
  }
  throw refusal;
}

async function findFreeBridge(wanted: string): Promise<string> {
  const stem = wanted.replace(/\d+$/, "");
  const first = Number(/\d+$/.exec(wanted)?.[0] ?? 0);
  for (let n = first; n < first + attempts; n++) {
    const name = `${stem}${n}`;
    if (!existsSync(`/sys/class/net/${name}`)) return name;
  }
  throw new StatusError(
    Code.ResourceExhausted,
    `choosing a bridge: ${wanted} and the next ${attempts - 1} names are taken`,
  );
}

/** Removes the bridge of a network made by `findFreeNetwork`; the name was free, so it is nobody else's. A missing one is fine. */
export async function removeBridge(name: string): Promise<void> {
  if (existsSync(`/sys/class/net/${name}`)) await run("ip", ["link", "delete", name]);
}
