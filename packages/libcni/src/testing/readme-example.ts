import { createCni, loadNetworks, podAddresses } from "../index.ts";

/** The example of the README, which a test runs: attaches a container, says its address, and detaches it. */
export async function readmeExample(confDir: string, pluginDir: string, cacheDir: string): Promise<string> {
  const cni = createCni({ pluginDirs: [pluginDir], cacheDir });
  const [network] = await loadNetworks({ dir: confDir });
  const container = { containerId: "web-1", netns: "/run/netns/web-1", ifName: "eth0" };
  const signal = AbortSignal.timeout(60_000);

  const result = await cni.add(network!, container, signal);
  const { ip } = podAddresses(result, "ipv4");

  // Needs neither the configuration file nor the namespace: the cache knows how the container was attached.
  await cni.del(undefined, { ...container, netns: "" }, signal);
  return ip;
}
