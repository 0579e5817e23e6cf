import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";

import {
  NamespaceMode,
  SecurityProfile_ProfileType as ProfileType,
  type SupplementalGroupsPolicy,
} from "@crib/wire/cri";

import { check, type Config, refuses, secured } from "../../testing/check-container.ts";

const context = "config.linux.security_context";
const namespaces = `${context}.namespace_options`;

test("a privileged container needs a privileged pod", () => {
  refuses(secured({ privileged: true }), `${context}.privileged: the pod is not privileged`);
  equal(check(secured({ privileged: true }), { pod: { privileged: true } }).security.privileged, true);
});

test("namespaces are those of the pod, whatever its kind", () => {
  const options = (namespaceOptions: object): Config => secured({ namespaceOptions });
  const { POD, CONTAINER, NODE, TARGET } = NamespaceMode;
  equal(check({}, { pod: { pid: "pod" } }).security.pid, "pod");
  equal(check({}, { pod: { pid: "node" } }).security.pid, "node");
  equal(check(options({ pid: POD }), { pod: { pid: "node" } }).security.pid, "node");
  equal(check(options({ pid: CONTAINER }), { pod: { pid: "pod" } }).security.pid, "container");
  deepEqual(check(options({ pid: TARGET, targetId: "abc" })).security.pid, { target: "abc" });
  check(options({ pid: CONTAINER, network: POD, ipc: POD }), { pod: { network: "node", ipc: "node" } });
  check(options({ pid: CONTAINER, network: NODE, ipc: NODE }), { pod: { network: "node", ipc: "node" } });
  refuses(options({ pid: NODE }), `${namespaces}.pid: NODE, but the pod does not share the host's PID namespace`);
  refuses(options({ pid: POD }), `${namespaces}.pid: POD, but the pod's is CONTAINER: it has no PID namespace`);
  refuses(options({ pid: 9 }), `${namespaces}.pid: 9 is no known mode`);
  refuses(options({ pid: TARGET }), `${namespaces}.target_id: is empty, but pid is TARGET`);
  refuses(options({ pid: TARGET, targetId: "../x" }), `${namespaces}.target_id: "../x" is no id of a container`);
  refuses(options({ pid: CONTAINER, targetId: "ab" }), `${namespaces}.target_id: is given, but pid is CONTAINER`);
  refuses(
    options({ pid: CONTAINER, network: NODE }),
    `${namespaces}.network: NODE, but the pod has a namespace of its own`,
  );
  refuses(options({ pid: CONTAINER, ipc: TARGET }), `${namespaces}.ipc: TARGET is not one of POD, NODE`);
});

test("the user namespace is that of the pod", () => {
  const line = { containerId: 0, hostId: 65_536, length: 65_536 };
  const lines = { uids: [line], gids: [line] };
  const userns = (usernsOptions: object): Config =>
    secured({ namespaceOptions: { pid: NamespaceMode.CONTAINER, usernsOptions } });
  const pod = { userNamespace: lines };
  const field = `${namespaces}.userns_options`;
  check(userns(lines), { pod });
  check(userns({ mode: NamespaceMode.NODE }));
  check({}, { pod });
  refuses(userns(lines), `${field}.mode: POD, but the pod has no user namespace of its own`);
  refuses(userns({ mode: NamespaceMode.NODE }), `${field}.mode: NODE, but the pod has a user namespace of its own`, {
    pod,
  });
  refuses(userns({ mode: NamespaceMode.TARGET }), `${field}.mode: TARGET is not one of POD, NODE`, { pod });
  refuses(userns({ ...lines, gids: [{ ...line, length: 1 }] }), `${field}.gids: differs from that of the pod`, { pod });
  refuses(userns({ ...lines, uids: [] }), `${field}.uids: differs from that of the pod`, { pod });
});

test("users and groups are ids or names, never both, and nothing that overflows (CVE-2024-40635)", () => {
  refuses(secured({ runAsUser: { value: -1n } }), `${context}.run_as_user: -1 is not between 0 and 4294967294`);
  refuses(
    secured({ runAsUser: { value: 2n ** 32n } }),
    `${context}.run_as_user: 4294967296 is not between 0 and 4294967294`,
  );
  refuses(
    secured({ runAsGroup: { value: 1n } }),
    `${context}.run_as_group: is given without run_as_user or run_as_username`,
  );
  refuses(
    secured({ runAsUser: { value: 1n }, runAsUsername: "app" }),
    `${context}.run_as_username: is given besides run_as_user`,
  );
  refuses(
    secured({ runAsUsername: "a:b:c" }),
    `${context}.run_as_username: "a:b:c" must be a user, or a user and a group with a colon`,
  );
  refuses(
    secured({ supplementalGroupsPolicy: 2 as SupplementalGroupsPolicy }),
    `${context}.supplemental_groups_policy: 2 is no known policy`,
  );
  equal(check(secured({ runAsUsername: "app", runAsGroup: { value: 5n } })).security.runAsUsername, "app");
});

test("capabilities have names, masked and read-only paths are absolute", () => {
  const capabilities = (addCapabilities: string[]): Config => secured({ capabilities: { addCapabilities } });
  deepEqual(check(capabilities(["cap_Net_Raw", "ALL"])).security.capabilities.add, ["CAP_NET_RAW", "ALL"]);
  refuses(
    capabilities(["NET_RAW", "a b"]),
    `${context}.capabilities.add_capabilities[1]: "a b" must be the name of a capability`,
  );
  refuses(capabilities([""]), `${context}.capabilities.add_capabilities[0]: "" must be the name of a capability`);
  refuses(secured({ maskedPaths: ["proc"] }), `${context}.masked_paths[0]: "proc" is not an absolute path`);
  refuses(secured({ readonlyPaths: ["/a/.."] }), `${context}.readonly_paths[0]: "/a/.." has a ".." component`);
});

test("a localhost profile without a name is not unconfined (CVE-2023-2431)", () => {
  const { Localhost, Unconfined } = ProfileType;
  const seccomp = (localhostRef: string): Config => secured({ seccomp: { profileType: Localhost, localhostRef } });
  const apparmor = (localhostRef: string): Config => secured({ apparmor: { profileType: Localhost, localhostRef } });
  for (const reference of ["", "localhost/"]) {
    refuses(seccomp(reference), `${context}.seccomp.localhost_ref: is empty`);
    refuses(apparmor(reference), `${context}.apparmor.localhost_ref: is empty`);
  }
  refuses(seccomp("x.json"), `${context}.seccomp.localhost_ref: "x.json" is not an absolute path`);
  refuses(seccomp("/a/../x"), `${context}.seccomp.localhost_ref: "/a/../x" has an empty, "." or ".." component`);
  refuses(secured({ seccompProfilePath: "localhost/" }), `${context}.seccomp_profile_path: is empty`);
  refuses(secured({ seccompProfilePath: "x" }), `${context}.seccomp_profile_path: "x" is no known profile`);
  refuses(secured({ apparmorProfile: "localhost/" }), `${context}.apparmor_profile: is empty`);
  refuses(
    secured({ apparmorProfile: "x" }),
    `${context}.apparmor_profile: "x" is not one of "runtime/default", "unconfined", "localhost/NAME"`,
  );
  deepEqual(check(seccomp("/p.json")).security.seccomp, { kind: "localhost", name: "/p.json" });
  deepEqual(check(apparmor("localhost/p")).security.apparmor, { kind: "localhost", name: "p" });
  deepEqual(check(secured({ seccompProfilePath: "docker/default" })).security.seccomp, { kind: "runtime-default" });
  deepEqual(check(secured({ apparmorProfile: "runtime/default" })).security.apparmor, { kind: "runtime-default" });
  const both = secured({ apparmor: { profileType: Unconfined }, apparmorProfile: "localhost/p" });
  deepEqual(check(both).security.apparmor, { kind: "unconfined" });
});
