// Attaches a network namespace to the first CNI network of a directory, or detaches it again; needs root:
//
//   ip netns add web
//   node examples/libcni-attach.ts add web
//   ip netns exec web ip address
//   node examples/libcni-attach.ts del web
//   ip netns delete web
import { parseArgs } from "node:util";

import { createCni, loadNetworks, PluginError, podAddresses } from "@crib/libcni";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    "conf-dir": { type: "string", default: "/etc/cni/net.d" },
    "bin-dir": { type: "string", multiple: true, default: ["/usr/lib/cni", "/opt/cni/bin"] },
    // What was attached is remembered here, so that it can be detached also when the configuration is gone.
    "cache-dir": { type: "string", default: "/var/lib/libcni-attach" },
  },
});
const [command, name] = positionals;
if ((command !== "add" && command !== "del") || name === undefined) {
  console.error("usage: libcni-attach.ts add|del NETNS [--conf-dir DIR] [--bin-dir DIR]... [--cache-dir DIR]");
  process.exit(2);
}

const cni = createCni({ pluginDirs: values["bin-dir"], cacheDir: values["cache-dir"] });
const attachment = { containerId: name, netns: `/run/netns/${name}`, ifName: "eth0" };
const signal = AbortSignal.timeout(60_000);
try {
  if (command === "add") {
    const [network] = await loadNetworks({ dir: values["conf-dir"] });
    if (!network) throw new Error(`no CNI network in "${values["conf-dir"]}"`);
    const { ip, additionalIps } = podAddresses(await cni.add(network, attachment, signal), "ipv4");
    console.log(`${name} is attached to ${network.name}:`, ip, ...additionalIps);
  } else {
    await cni.del(undefined, attachment, signal);
    console.log(`${name} is detached`);
  }
} catch (error) {
  console.error((error as Error).message);
  if (error instanceof PluginError && error.stderr !== "") console.error(`the plugin wrote: ${error.stderr}`);
  process.exitCode = 1;
}
