// Lists the pod sandboxes of any CRI daemon with their state and addresses:
//
//   node examples/cri-list.ts [unix:///run/crib/crib.sock]
import { connectCri } from "@crib/cri-client";
import { PodSandboxState } from "@crib/wire/cri";

const [endpoint = "unix:///run/crib/crib.sock"] = process.argv.slice(2);
await using cri = connectCri(endpoint, { timeoutMs: 10_000 });

const { runtimeName, runtimeVersion } = await cri.runtime.version({});
console.log(`${runtimeName} ${runtimeVersion}`);

const { items } = await cri.runtime.listPodSandbox({});
const rows = await Promise.all(
  items.map(async ({ id, metadata, state }) => {
    const { status } = await cri.runtime.podSandboxStatus({ podSandboxId: id });
    const { ip = "", additionalIps = [] } = status?.network ?? {};
    const addresses = [ip, ...additionalIps.map((more) => more.ip)].filter(Boolean);
    const isReady = state === PodSandboxState.SANDBOX_READY;
    return [
      id.slice(0, 13),
      `${metadata?.namespace}/${metadata?.name}`,
      isReady ? "READY" : "NOTREADY",
      ...addresses,
    ].join("  ");
  }),
);
for (const row of rows.toSorted()) console.log(row);
