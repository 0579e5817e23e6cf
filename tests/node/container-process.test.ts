import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { NamespaceMode, Signal } from "@crib/wire/cri";

import { busyboxWith } from "../support/containers/busybox-with.ts";
import { startContainerNode } from "../support/containers/container-node.ts";
import type { ContainerConfig } from "../support/containers/container.ts";
import { runScript } from "../support/containers/run-script.ts";
import { withSecurity } from "../support/containers/with-security.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import { securityContext } from "../support/pod-config.ts";

const { POD, CONTAINER, TARGET } = NamespaceMode;
const invalid = { code: Code.InvalidArgument };

const changed =
  (more: Partial<ContainerConfig> | object) =>
  (config: ContainerConfig): ContainerConfig =>
    Object.assign({}, config, more);

const env = (values: Readonly<Record<string, string>>): object => ({
  envs: Object.entries(values).map(([key, value]) => ({ key, value: Buffer.from(value) })),
});

test("the process of a container", needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const { node, pull } = scene;
  const pod = await node.runPod({ name: "web" });
  const tells = [{ name: "tell", mode: 0o755, content: '#!/bin/sh\nfor arg; do echo "<$arg>"; done\n' }];

  await t.test("command and arguments stand for those of the image", async () => {
    const image = await pull(busyboxWith(tells, { config: { Entrypoint: ["/tell", "entry"], Cmd: ["image arg"] } }));
    const runs = async (more: object): Promise<string> => runScript(scene, pod, "", { image, change: changed(more) });
    const none = { command: [], args: [] };
    equal(await runs(none), "<entry>\n<image arg>\n");
    equal(await runs({ ...none, args: ["a", "", "b c\n$(id)"] }), "<entry>\n<a>\n<>\n<b c\n$(id)>\n");
    equal(await runs({ ...none, command: ["/tell", "own"] }), "<own>\n");
    equal(await runs({ command: ["/tell", "own"], args: ["x"] }), "<own>\n<x>\n");
    const bare = await pull(busyboxWith(tells, { config: { Cmd: null } }));
    await rejects(scene.createContainer(pod, { image: bare, change: changed(none) }), invalid);
  });

  await t.test("variables come from the image, then from the request", async () => {
    const image = await pull(busyboxWith([], { config: { Env: ["PATH=/bin:/x", "A=image", "B=image", "EMPTY="] } }));
    const all = await runScript(scene, pod, "env", {
      image,
      change: changed(env({ B: "own", C: "two\nlines = 2", PATH: "/bin" })),
    });
    const lines = all.trim().split("\n");
    for (const line of ["A=image", "B=own", "C=two", "lines = 2", "EMPTY=", "PATH=/bin", "HOSTNAME=web"])
      ok(lines.includes(line), `${line} in ${all}`);
    ok(!lines.some((line) => line.startsWith("TERM=")));
    equal(lines.filter((line) => line.startsWith("B=")).length, 1);
  });

  await t.test("its directory is as asked, and made when it is missing", async () => {
    const image = await pull(busyboxWith([], { config: { WorkingDir: "/var/www" } }));
    equal(await runScript(scene, pod, "pwd", { image }), "/var/www\n");
    equal(
      await runScript(scene, pod, "pwd", { image, change: changed({ workingDir: "/made/here/" }) }),
      "/made/here\n",
    );
    await rejects(scene.createContainer(pod, { change: changed({ workingDir: "relative" }) }), invalid);
  });

  await t.test("a terminal is one stream with its own name and type", async () => {
    const script = "test -t 0 && test -t 1 && test -t 2 && echo $TERM; tty; echo to stderr >&2";
    const container = await scene.runContainer(pod, { script, change: changed({ tty: true, stdin: true }) });
    equal((await container.ended()).exitCode, 0);
    deepEqual(
      (await container.log()).map(({ stream, text }) => `${stream} ${text.trim()}`),
      ["stdout xterm", "stdout /dev/pts/0", "stdout to stderr"],
    );
    await container.remove();
    const plain = await scene.runContainer(pod, { script: "test -t 0 || test -t 1 || readlink /proc/self/fd/0" });
    equal((await plain.ended()).exitCode, 0);
    deepEqual(await plain.log(), [{ stream: "stdout", tag: "F", text: "/dev/null" }]);
    await plain.remove();
  });

  await t.test("the signal that ends it is its own, else that of the image, else SIGTERM", async () => {
    const script =
      'for name in TERM USR1 QUIT; do trap "echo got $name; exit 0" $name; done; echo ready; while :; do sleep 0.05; done';
    const quitting = await pull(busyboxWith([], { config: { StopSignal: "SIGQUIT" } }));
    for (const [image, stopSignal, name, shown] of [
      [scene.busybox, Signal.RUNTIME_DEFAULT, "TERM", Signal.SIGTERM],
      [quitting, Signal.RUNTIME_DEFAULT, "QUIT", Signal.SIGQUIT],
      [quitting, Signal.SIGUSR1, "USR1", Signal.SIGUSR1],
    ] as const) {
      const container = await scene.runContainer(pod, { script, image, change: changed({ stopSignal }) });
      await eventually(10_000, async () => match(JSON.stringify(await container.log()), /ready/));
      equal((await container.status()).stopSignal, shown);
      await container.stop(30);
      deepEqual(
        (await container.log()).map(({ text }) => text),
        ["ready", `got ${name}`],
      );
      equal((await container.status()).reason, "Completed");
      await container.remove();
    }
  });

  await t.test("its root is read-only when it is to be, but for what is mounted", async () => {
    const script =
      "touch /x 2>/dev/null && exit 5; touch /dev/shm/x && touch /dev/x && touch /tmp/x 2>/dev/null && exit 6; exit 0";
    equal(await runScript(scene, pod, script, { change: withSecurity({ readonlyRootfs: true }) }), "");
    equal(await runScript(scene, pod, "touch /x && ls /x"), "/x\n");
  });

  await t.test("it sees processes of itself, of its pod, or of one other container", async () => {
    const count = "ls -d /proc/[0-9]* | wc -l; cat /proc/1/comm";
    const alone = await runScript(scene, pod, count);
    ok(Number(alone.split("\n")[0]) < 5 && !alone.includes("pause"), alone);
    const shared = await node.runPod({
      change: (config) => ({ ...config, linux: { ...config.linux, securityContext: securityContext({ pid: POD }) } }),
    });
    const first = await scene.runContainer(shared);
    const second = await scene.runContainer(shared);
    equal(await first.sh("readlink /proc/self/ns/pid"), await second.sh("readlink /proc/self/ns/pid"));
    ok(!(await second.sh("cat /proc/1/cmdline")).includes("sh"), "the first process is the pod's own");

    const target = await scene.runContainer(pod);
    const debug = await scene.runContainer(pod, {
      change: withSecurity({ namespaceOptions: { pid: TARGET, targetId: target.id } }),
    });
    equal(await debug.sh("readlink /proc/self/ns/pid"), await target.sh("readlink /proc/self/ns/pid"));
    match(await debug.sh("cat /proc/1/cmdline"), /trap 'exit 0' TERM/);
    const other = await scene.runContainer(pod, { change: withSecurity({ namespaceOptions: { pid: CONTAINER } }) });
    ok((await other.sh("readlink /proc/self/ns/pid")) !== (await target.sh("readlink /proc/self/ns/pid")));
    const foreign = withSecurity({ namespaceOptions: { pid: TARGET, targetId: first.id } });
    await rejects(scene.createContainer(pod, { change: foreign }));
  });

  await t.test("containers of a pod share its hostname, addresses and memory, and nothing else", async () => {
    const [one, two] = [await scene.runContainer(pod), await scene.runContainer(pod)];
    for (const kind of ["net", "ipc", "uts"])
      equal(await one.sh(`readlink /proc/self/ns/${kind}`), await two.sh(`readlink /proc/self/ns/${kind}`), kind);
    for (const kind of ["mnt", "pid"])
      ok((await one.sh(`readlink /proc/self/ns/${kind}`)) !== (await two.sh(`readlink /proc/self/ns/${kind}`)), kind);
    equal(await one.sh("hostname; cat /etc/hostname"), "web\nweb\n");
    match(await one.sh("cat /etc/hosts"), /localhost/);
    match(await one.sh("cat /etc/resolv.conf"), /nameserver 10\.96\.0\.10/);
    match(await one.sh("ip -4 addr show eth0"), new RegExp(`inet ${await pod.address()}/`));
    await one.sh("echo shared > /dev/shm/file; echo own > /tmp/file");
    equal(await two.sh("cat /dev/shm/file; ls /tmp"), "shared\n");
  });
});
