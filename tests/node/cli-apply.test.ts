import { deepEqual, equal, match } from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { startContainerNode } from "../support/containers/container-node.ts";
import { cribOf } from "../support/crib-of.ts";
import { endAfter } from "../support/end-after.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";

test("a manifest becomes a pod once, with init containers, volumes, variables and limits", needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const crib = cribOf(scene.node);
  // A volume in memory is a mount, which only crib rm ends.
  endAfter(t, async () => void (await crib(["rm", "-f", "web"])));
  const host = join(scene.node.lane.dir, "host");
  mkdirSync(host);
  writeFileSync(join(host, "file"), "of the host\n");
  const manifest = `
apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: shop } }
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  shareProcessNamespace: true
  securityContext: { runAsUser: 33, fsGroup: 99 }
  initContainers:
    - name: first
      image: "${scene.busybox}"
      command: [sh, -c, "echo 1 >> /shared/steps"]
      volumeMounts: [{ name: work, mountPath: /shared }]
    - name: second
      image: "${scene.busybox}"
      command: [sh, -c, "echo 2 >> /shared/steps"]
      volumeMounts: [{ name: work, mountPath: /shared }]
  containers:
    - name: main
      image: "${scene.busybox}"
      command: [sh, -c]
      args: ["echo $(GREETING) '$$(X)'; cat /shared/steps /host/file; id -u; stat -c %g /shared/steps; sleep 1000"]
      env:
        - { name: NAME, valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } }
        - { name: GREETING, value: "hello $(NAME)" }
      resources: { limits: { cpu: 500m, memory: 64Mi } }
      livenessProbe: { exec: { command: ["true"] } }
      volumeMounts:
        - { name: work, mountPath: /shared }
        - { name: host, mountPath: /host, readOnly: true }
        - { name: memory, mountPath: /memory }
        - { name: image, mountPath: /image, readOnly: true }
  volumes:
    - { name: work, emptyDir: {} }
    - { name: memory, emptyDir: { medium: Memory, sizeLimit: 1Mi } }
    - { name: host, hostPath: { path: "${host}", type: Directory } }
    - { name: image, image: { reference: "${scene.busybox}" } }
`;
  const first = await crib(["apply", "-"], manifest);
  equal(first.stdout, "pod/web created\n", first.stderr);
  match(first.stderr, /^crib: warning: .*spec\.containers\[0\]\.livenessProbe is ignored: .*probe\n$/);
  equal(await crib.prints(["apply", "-"], manifest), "pod/web unchanged\n");
  const changed = await crib(["apply", "-"], manifest.replace("64Mi", "65Mi"));
  equal(changed.exitCode, 1);
  match(changed.stderr, /pods cannot be changed; remove it first: crib rm -f web/);
  await eventually(10_000, async () =>
    equal(await crib.prints(["logs", "web/main"]), "hello shop $(X)\n1\n2\nof the host\n33\n99\n"),
  );
  match(await crib.prints(["exec", "main", "df", "-k", "/memory"]), /^tmpfs\s+1024\s/m);
  equal(await crib.prints(["exec", "main", "ls", "/image/bin/busybox"]), "/image/bin/busybox\n");
  equal(await crib.prints(["rm", "-f", "web"]), "web\n");
  deepEqual(await scene.node.list(), new Map());
});

test("what cannot be run as it is meant is refused, and a pod that fails is removed", needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const crib = cribOf(scene.node);
  const pod = (spec: object): string =>
    JSON.stringify({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "x" },
      spec: { restartPolicy: "Never", ...spec },
    });
  const container = { name: "main", image: scene.busybox, command: ["sh", "-c", "exit 3"] };
  const failed = await crib(
    ["apply", "-"],
    pod({
      initContainers: [{ ...container, name: "setup", command: ["sh", "-c", "echo no disk; exit 4"] }],
      containers: [container],
    }),
  );
  equal(failed.exitCode, 1);
  match(failed.stderr, /running init container "setup": it ended with exit code 4, having said: no disk/);
  const root = await crib(["apply", "-"], pod({ securityContext: { runAsNonRoot: true }, containers: [container] }));
  match(root.stderr, /checking runAsNonRoot of container "main": it would run as root/);
  deepEqual(await scene.node.list(), new Map());
  const waited = await crib(["apply", "--wait", "-"], pod({ containers: [container] }));
  deepEqual([waited.exitCode, waited.stdout], [1, "pod/x created\ncontainer/main Error 3\n"]);
  await crib.prints(["rm", "x"]);
});
