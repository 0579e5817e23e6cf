import type { Cni, CniOptions } from "../cni.ts";
import { parseNetworkList, type NetworkList } from "../config/network-list.ts";
import { createCni } from "../create-cni.ts";
import { FakeExec, type FakePlugin } from "./fake-exec.ts";
import { openTempDir } from "./temp-dir.ts";

/** A `Cni` over fake plugins and a cache of its own. */
export interface FakeCni extends AsyncDisposable {
  readonly cni: Cni;
  readonly exec: FakeExec;
  readonly cacheDir: string;
}

export async function openFakeCni(
  plugins: Readonly<Record<string, FakePlugin>>,
  options: Partial<CniOptions> = {},
): Promise<FakeCni> {
  const dir = await openTempDir();
  const exec = new FakeExec(plugins);
  const cni = createCni({ pluginDirs: ["/fake"], cacheDir: dir.path, exec, env: { PATH: "/bin" }, ...options });
  return { cni, exec, cacheDir: dir.path, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

/** A list of plugins of the given types, the configuration of each with what `config` adds. */
export function listOf(
  types: readonly string[],
  options: {
    readonly cniVersion?: string;
    readonly name?: string;
    readonly config?: object;
    readonly list?: object;
  } = {},
): NetworkList {
  const { cniVersion = "1.1.0", name = "pods", config = {}, list = {} } = options;
  return parseNetworkList(
    JSON.stringify({ cniVersion, name, ...list, plugins: types.map((type) => ({ type, ...config })) }),
  );
}

/** An attachment of a container to a namespace that nothing looks at. */
export const attachment = { containerId: "c1", netns: "/run/netns/c1", ifName: "eth0" } as const;
