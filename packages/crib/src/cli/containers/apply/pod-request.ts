import { readFileSync } from "node:fs";

import { StatusError } from "@crib/errdefs";
import { Protocol } from "@crib/wire/cri";

import { manifestLabel } from "../pods/pod-labels.ts";
import type { PodConfig, PodRequest } from "../pods/run-pod.ts";
import { namespaceOptions, sharedSecurity } from "./container-security.ts";
import type { PodManifest } from "./pod-manifest.ts";
import type { ReadManifest } from "./read-manifests.ts";

/** Characters of a hostname; the kubelet cuts what is longer. */
const maxHostname = 63;

/** What the pod of a manifest is asked for with. */
export function podRequest({ manifest, hash }: Pick<ReadManifest, "manifest" | "hash">): PodRequest {
  const { metadata, spec } = manifest;
  const context = spec.securityContext ?? {};
  const privileged = [...spec.containers, ...(spec.initContainers ?? [])].some(
    ({ securityContext }) => securityContext?.privileged === true,
  );
  const dnsConfig = dnsOf(spec);
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? "default",
    madeBy: "apply",
    runtimeHandler: spec.runtimeClassName ?? "",
    config: {
      hostname: spec.hostNetwork ? "" : (spec.hostname ?? cutHostname(metadata.name)),
      ...(dnsConfig && { dnsConfig }),
      portMappings: spec.hostNetwork ? [] : portMappings(manifest),
      labels: { ...metadata.labels, [manifestLabel]: hash },
      annotations: { ...metadata.annotations },
      linux: {
        sysctls: Object.fromEntries((context.sysctls ?? []).map(({ name, value }) => [name, value])),
        securityContext: {
          ...sharedSecurity(context, privileged),
          namespaceOptions: namespaceOptions(spec),
          privileged,
        },
      },
    },
  };
}

function cutHostname(name: string): string {
  return name.slice(0, maxHostname).replace(/[.-]+$/, "");
}

function portMappings({ spec }: PodManifest): NonNullable<PodConfig["portMappings"]> {
  return spec.containers
    .flatMap(({ ports = [] }) => ports)
    .filter(({ hostPort }) => hostPort !== undefined)
    .map(({ containerPort, hostPort = 0, hostIP = "", protocol = "TCP" }) => ({
      containerPort,
      hostPort,
      hostIp: hostIP,
      protocol: Protocol[protocol],
    }));
}

/** Absent: the runtime takes the host's. What a pod adds to the host's comes behind it, but for `None`. */
function dnsOf({ dnsPolicy, dnsConfig }: PodManifest["spec"]): PodConfig["dnsConfig"] | undefined {
  if (!dnsConfig) return undefined;
  const { nameservers = [], searches = [], options = [] } = dnsConfig;
  const own = {
    servers: nameservers,
    searches,
    options: options.map(({ name, value }) => (value === undefined || value === "" ? name : `${name}:${value}`)),
  };
  if (dnsPolicy === "None") return own;
  const host = hostDns(readResolvConf());
  return {
    servers: unique([...host.servers, ...own.servers]),
    searches: unique([...host.searches, ...own.searches]),
    options: unique([...host.options, ...own.options]),
  };
}

/** What resolv.conf(5) says; the last `search` line counts. */
export function hostDns(text: string): Record<"servers" | "searches" | "options", readonly string[]> {
  const lines = text.split("\n").map((line) => line.trim().split(/\s+/));
  const of = (keyword: string): readonly (readonly string[])[] =>
    lines.filter(([first]) => first === keyword).map(([, ...words]) => words);
  return { servers: of("nameserver").flat(), searches: of("search").at(-1) ?? [], options: of("options").flat() };
}

function readResolvConf(): string {
  try {
    return readFileSync("/etc/resolv.conf", "utf8");
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw StatusError.from(reason, "reading the DNS configuration of this machine");
  }
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
