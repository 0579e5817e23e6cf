import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { SecurityProfile_ProfileType as ProfileType } from "@crib/wire/cri";

import { type ContainerNode, sleepUntilTold, startContainerNode } from "../support/containers/container-node.ts";
import type { Container, ContainerConfig } from "../support/containers/container.ts";
import { runScript } from "../support/containers/run-script.ts";
import { withSecurity } from "../support/containers/with-security.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Pod } from "../support/pod.ts";

type Security = Parameters<typeof withSecurity>[0];

const invalid = { code: Code.InvalidArgument };
const netBindService = 1n << 10n;
const netAdmin = 1n << 12n;
/** containerd's and Docker's: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, net_raw, sys_chroot, mknod, audit_write, setfcap. */
const usual = 0xa8_04_25_fbn;

/** Masks of a process by the names of /proc/PID/status. */
function masks(status: string): Readonly<Record<string, bigint>> {
  const lines = status.matchAll(/^Cap(Inh|Prm|Eff|Bnd|Amb):\t([0-9a-f]+)$/gm);
  return Object.fromEntries([...lines].map(([, name, mask]) => [name, BigInt(`0x${mask}`)]));
}

/** What the daemon cannot have it cannot give. */
const available = masks(readFileSync("/proc/self/status", "utf8"))["Eff"] ?? 0n;

const anyUser = { runAsUser: { value: 1000n } };

const sets: Readonly<
  Record<string, { readonly asked: Security; readonly eff: bigint; readonly bnd: bigint; readonly amb?: bigint }>
> = {
  "nothing asked": { asked: {}, eff: usual, bnd: usual },
  "nothing asked, not root": { asked: anyUser, eff: 0n, bnd: usual },
  "all dropped": { asked: { capabilities: { dropCapabilities: ["ALL"] } }, eff: 0n, bnd: 0n },
  "one added": {
    asked: { capabilities: { addCapabilities: ["net_admin"] } },
    eff: usual | netAdmin,
    bnd: usual | netAdmin,
  },
  "one but all dropped": {
    asked: { capabilities: { addCapabilities: ["CAP_NET_ADMIN"], dropCapabilities: ["ALL"] } },
    eff: netAdmin,
    bnd: netAdmin,
  },
  "all added but one": {
    asked: { capabilities: { addCapabilities: ["ALL"], dropCapabilities: ["NET_ADMIN"] } },
    eff: available & ~netAdmin,
    bnd: available & ~netAdmin,
  },
  "an ambient one, not root": {
    asked: { ...anyUser, capabilities: { addAmbientCapabilities: ["NET_BIND_SERVICE"] } },
    eff: netBindService,
    bnd: usual,
    amb: netBindService,
  },
  privileged: { asked: { privileged: true }, eff: available, bnd: available },
  "privileged, not root": { asked: { ...anyUser, privileged: true }, eff: 0n, bnd: available },
};

/** What the container's own process and one that was put into it say of themselves. */
async function bothStatuses(container: Container): Promise<readonly string[]> {
  return [await container.sh("cat /proc/1/status"), await container.sh("cat /proc/self/status")];
}

function seccomp(profileType: ProfileType, localhostRef = ""): (config: ContainerConfig) => ContainerConfig {
  return withSecurity({ seccomp: { profileType, localhostRef } });
}

function runPrivilegedPod({ node }: ContainerNode): Promise<Pod> {
  return node.runPod({
    change: (config) => ({
      ...config,
      linux: { ...config.linux, securityContext: { ...config.linux.securityContext, privileged: true } },
    }),
  });
}

test("what processes of containers may do", needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const pod = await scene.node.runPod();
  const privileged = await runPrivilegedPod(scene);

  for (const [name, { asked, eff, bnd, amb = 0n }] of Object.entries(sets)) {
    await t.test(`capabilities: ${name}; none can be inherited (CVE-2022-24769, CVE-2022-27652)`, async () => {
      const container = await scene.runContainer(asked.privileged === true ? privileged : pod, {
        change: withSecurity(asked),
      });
      const expected = { Inh: amb, Prm: eff, Eff: eff, Bnd: bnd, Amb: amb };
      const given = Object.entries(expected).map(([set, mask]) => [set, mask & available]);
      for (const status of await bothStatuses(container)) deepEqual(masks(status), Object.fromEntries(given));
      await container.remove();
    });
  }

  await t.test("capabilities that there are not, and privileges that the pod has not, are refused", async () => {
    for (const name of ["CAP_NOTHING", "NET_ADMIN;ALL", "", "CAP_"])
      await rejects(
        scene.createContainer(pod, { change: withSecurity({ capabilities: { addCapabilities: [name] } }) }),
        invalid,
      );
    await rejects(scene.createContainer(pod, { change: withSecurity({ privileged: true }) }), invalid);
  });

  await t.test("new privileges are to be had unless they are refused", async () => {
    for (const noNewPrivs of [false, true]) {
      const container = await scene.runContainer(pod, { change: withSecurity({ noNewPrivs }) });
      for (const status of await bothStatuses(container))
        equal(/^NoNewPrivs:\t(\d)$/m.exec(status)?.[1], noNewPrivs ? "1" : "0");
      await container.remove();
    }
  });

  await t.test("the default seccomp profile holds for the container and for what is put into it", async () => {
    for (const [change, mode] of [
      [seccomp(ProfileType.RuntimeDefault), "2"],
      [seccomp(ProfileType.Unconfined), "0"],
      [(config: ContainerConfig) => config, "0"],
    ] as const) {
      const container = await scene.runContainer(pod, { change });
      for (const status of await bothStatuses(container)) equal(/^Seccomp:\t(\d)$/m.exec(status)?.[1], mode);
      await container.remove();
    }
  });

  const profiles = join(scene.node.lane.dir, "seccomp");
  mkdirSync(join(profiles, "directory"), { recursive: true });

  await t.test("a seccomp profile of the host is the one that holds", async () => {
    const path = join(profiles, "no-mkdir.json");
    const rule = { names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 };
    writeFileSync(path, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [rule] }));
    const container = await scene.runContainer(pod, { change: seccomp(ProfileType.Localhost, path) });
    const { exitCode, stderr } = await container.execSync(["mkdir", "/tmp/x"]);
    equal(exitCode, 1);
    match(stderr, /No space left/);
    await container.sh("touch /tmp/y");
    await container.remove();
  });

  await t.test("a seccomp profile that is not there never means none (CVE-2023-2431)", async () => {
    writeFileSync(join(profiles, "bad.json"), "{");
    writeFileSync(join(profiles, "empty.json"), "");
    writeFileSync(join(profiles, "other.json"), '{"defaultAction":"SCMP_ACT_NOTHING"}');
    const names = ["", "localhost/", "no-mkdir.json", "../seccomp/no-mkdir.json", "/dev/zero", "/", "/proc/self/mem"];
    const files = ["missing.json", "directory", "bad.json", "empty.json", "other.json", "no-mkdir.json\0"];
    for (const name of [...names, ...files.map((file) => join(profiles, file))]) {
      for (const where of [pod, privileged])
        await rejects(scene.createContainer(where, { change: seccomp(ProfileType.Localhost, name) }), invalid, name);
      await rejects(
        scene.createContainer(pod, { change: withSecurity({ seccompProfilePath: `localhost/${name}` }) }),
        invalid,
        name,
      );
    }
    deepEqual((await scene.node.cri.runtime.listContainers({})).containers, []);
  });

  await t.test("an AppArmor profile that is not loaded never means none", async () => {
    const isOn = existsSync("/sys/kernel/security/apparmor/profiles");
    for (const localhostRef of ["", "localhost/", "crib-has-no-such-profile", "unconfined\n"]) {
      const apparmor = { profileType: ProfileType.Localhost, localhostRef };
      await rejects(scene.createContainer(pod, { change: withSecurity({ apparmor }) }), {
        code: isOn || !localhostRef.startsWith("crib") ? Code.InvalidArgument : Code.FailedPrecondition,
      });
      await rejects(
        scene.createContainer(pod, { change: withSecurity({ apparmorProfile: `localhost/${localhostRef}` }) }),
      );
    }
  });

  await t.test("a power meter cannot be read (GHSA-7ww5-4wqc-m92c)", async () => {
    // Few machines have one; here is one that looks like it, where the kernel has them.
    const hostPath = join(scene.node.lane.dir, "virtual");
    const meter = join(hostPath, "powercap", "intel-rapl", "intel-rapl:0");
    mkdirSync(meter, { recursive: true });
    for (const path of [join(meter, "energy_uj"), join(hostPath, "energy_uj")]) writeFileSync(path, "262143\n");
    const containerPath = "/sys/devices/virtual";
    const read = `cat $(find ${containerPath}/ -name energy_uj)`;
    // By the container's own process, and by one that was put into it.
    const script = `${read} >/seen; touch /done; ${sleepUntilTold}`;
    const seen = async (maskedPaths: string[]): Promise<string> => {
      const secured = withSecurity({ maskedPaths });
      const mounts = [{ hostPath, containerPath, readonly: true }];
      const change = (config: ContainerConfig): ContainerConfig => ({ ...secured(config), mounts });
      const container = await scene.runContainer(pod, { change, script });
      const both = await container.sh(`until test -e /done; do sleep 0.05; done; cat /seen; ${read}`);
      await container.remove();
      return both;
    };
    equal(await seen(["/proc/kcore"]), "262143\n".repeat(2));
    // Without any mask, as procMount: Unmasked asks, both files are there, so it is seen when one is not.
    equal(await seen([]), "262143\n".repeat(4));
  });

  await t.test("masked paths show nothing, power meters among them; read-only ones take nothing", async () => {
    const change = withSecurity({
      maskedPaths: ["/proc/kcore", "/proc/acpi", "/sys/firmware"],
      readonlyPaths: ["/proc/sys", "/proc/bus"],
    });
    const seen =
      "head -c 1 /proc/kcore | wc -c; ls /sys/firmware | wc -l; ls -R /sys/devices/virtual/powercap 2>/dev/null | wc -c";
    const shown = await runScript(scene, pod, seen, { change });
    match(shown, /^0\n0\n/);
    ok(Number(shown.trim().split("\n")[2]) <= "/sys/devices/virtual/powercap:\n".length, shown);
    const container = await scene.runContainer(pod, { change });
    const spec = (await container.info())["runtimeSpec"] as {
      readonly linux: { readonly maskedPaths: readonly string[] };
    };
    ok(spec.linux.maskedPaths.includes("/sys/devices/virtual/powercap"), "GHSA-7ww5-4wqc-m92c");
    isRefused(
      await container.execSync(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]),
      "/proc/sys is writable",
    );
    await container.remove();
    // Without any it is what procMount: Unmasked asks for.
    ok(Number(await runScript(scene, pod, "ls /sys | wc -l")) > 5);
  });
});

function isRefused({ exitCode }: { readonly exitCode: number }, message: string): void {
  ok(exitCode !== 0, message);
}
