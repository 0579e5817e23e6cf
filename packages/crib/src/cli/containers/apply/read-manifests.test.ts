import { deepEqual, equal, notEqual, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { readManifests } from "./read-manifests.ts";

const head = "apiVersion: v1\nkind: Pod\nmetadata: { name: web }\n";
const pod = (spec: string, more = ""): string => `${head}${more}spec: ${spec}\n`;
const one = '{ name: main, image: "web:1" }';

function refuses(text: string, message: string): void {
  throws(() => readManifests(text, '"x.yaml"'), { code: Code.InvalidArgument, message: `reading "x.yaml"${message}` });
}

test("mistakes are told with path and value", () => {
  refuses("", ": there is no document in it");
  refuses("kind: Deployment", ": kind Deployment needs a cluster; crib apply takes Pods only");
  refuses(
    `${pod(`{ containers: [${one}] }`)}---\nkind: Service\n`,
    ", document 2: kind Service needs a cluster; crib apply takes Pods only",
  );
  refuses(pod("{}"), ": spec.containers: is missing");
  refuses(pod("{ containers: [] }"), ": spec.containers = []: expected at least 1 in the list");
  const container = (more: string): string => pod(`{ containers: [{ name: main, image: web, ${more} }] }`);
  for (const [more, message] of [
    ["env: [{ name: A, value: 1 }]", "spec.containers[0].env[0].value = 1: expected a string"],
    [
      "resources: { limits: { cpu: lots } }",
      'spec.containers[0].resources.limits.cpu = "lots": expected a quantity such as 100m or 64Mi',
    ],
    [
      "resources: { limits: { nvidia.com/gpu: 1 } }",
      "spec.containers[0].resources: nvidia.com/gpu is not known; there are no device plugins",
    ],
    [
      "imagePullPolicy: Sometimes",
      'spec.containers[0].imagePullPolicy = "Sometimes": expected "Always" or "IfNotPresent" or "Never"',
    ],
    [
      "envFrom: [{ secretRef: { name: s } }]",
      "spec.containers[0].envFrom: there is no cluster that it could come from",
    ],
    [
      "env: [{ name: A, valueFrom: { secretKeyRef: { name: s, key: k } } }]",
      "spec.containers[0].env[0].valueFrom.secretKeyRef: there is no cluster that it could come from",
    ],
    [
      "env: [{ name: A, valueFrom: { fieldRef: { fieldPath: status.phase } } }]",
      'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath = "status.phase": is not known',
    ],
    [
      "volumeMounts: [{ name: v, mountPath: /v }]",
      'spec.containers[0].volumeMounts[0].name = "v": there is no such volume',
    ],
    [
      "lifecycle: { stopSignal: SIGWHAT }",
      'spec.containers[0].lifecycle.stopSignal = "SIGWHAT": expected a signal such as SIGTERM',
    ],
  ] as const) {
    refuses(container(more), `: ${message}`);
  }
  refuses(
    pod(`{ containers: [${one}], volumes: [{ name: c, configMap: { name: c } }] }`),
    ": spec.volumes[0].configMap: configMap volumes are not known; emptyDir, hostPath and image are",
  );
  refuses(pod(`{ containers: [${one}, ${one}] }`), ': spec.containers: the name "main" is there twice');
});

test("what is not acted on is told with its path", () => {
  const [read] = readManifests(
    pod(
      "{ nodeName: n, new: 1, containers: [{ name: main, image: web, lifecycle: { preStop: { exec: {} } }, readinessProbe: {} }] }",
      "status: {}\n",
    ),
    "x",
  );
  deepEqual(read?.warnings, [
    "status is ignored: it is what a cluster tells",
    "spec.nodeName is ignored: the pod runs here",
    "spec.new is ignored: crib does not know this field",
    "spec.containers[0].lifecycle.preStop is ignored: there is no kubelet that would run hooks",
    "spec.containers[0].readinessProbe is ignored: there is no kubelet that would probe",
  ]);
});

test("a manifest is the same whatever the order of its fields, and nulls are nothing", () => {
  const hash = (text: string): string => readManifests(text, "x")[0]?.hash ?? "";
  const plain = hash(pod(`{ containers: [${one}] }`));
  equal(
    hash(`spec: { containers: [${one}] }\nmetadata: { name: web, creationTimestamp: null }\nkind: Pod\napiVersion: v1`),
    plain,
  );
  notEqual(hash(pod('{ containers: [{ name: main, image: "web:2" }] }')), plain);
});
