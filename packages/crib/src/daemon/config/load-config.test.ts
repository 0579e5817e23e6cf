import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { Code, hasCode } from "@crib/errdefs";

import { checkConfigFile, loadConfig, parseConfig } from "./load-config.ts";
import { renderConfig } from "./render-config.ts";
import type { ConfigFlags, DaemonConfig } from "./types.ts";

function valid(text: string, flags?: ConfigFlags): DaemonConfig {
  const check = parseConfig(text, flags);
  if (check.kind === "invalid") throw new Error(check.problems.join("\n"));
  return check.config;
}

function problems(text: string, flags?: ConfigFlags): readonly string[] {
  const check = parseConfig(text, flags);
  return check.kind === "invalid" ? check.problems : [];
}

test("an empty file gives the documented defaults", () => {
  const config = valid("");
  equal(config.root, "/var/lib/crib");
  equal(config.state, "/run/crib");
  equal(config.socket, "/run/crib/crib.sock");
  equal(config.cni.confDir, "/etc/cni/net.d");
  deepEqual(config.cni.binDirs, ["/opt/cni/bin", "/usr/lib/cni"]);
  equal(config.cni.defaultNetwork, false);
  equal(config.runtime.netnsDir, "/run/netns");
  equal(config.runtimes["runc"]?.runtimeType, "io.containerd.runc.v2");
  equal(config.flow.runPodSandboxBudgetMs, 240_000);
});

test("flags win over the file, the file over the defaults", () => {
  const text = 'root = "/file/root"\nstate = "/file/state"\n[cni]\nconf_dir = "/file/cni"';
  const config = valid(text, { state: "/flag/state", cniBinDirs: ["/a", "/b"], logLevel: "debug" });
  equal(config.root, "/file/root");
  equal(config.state, "/flag/state");
  equal(config.cni.confDir, "/file/cni");
  deepEqual(config.cni.binDirs, ["/a", "/b"]);
  equal(config.log.level, "debug");
});

test("the socket moves with the state directory, unless it was placed", () => {
  equal(valid("", { state: "/s" }).socket, "/s/crib.sock");
  equal(valid('state = "/s"').socket, "/s/crib.sock");
  equal(valid('socket = "/x/y.sock"', { state: "/s" }).socket, "/x/y.sock");
});

test("the default network is off, on, or on with settings", () => {
  const network = { name: "crib", subnet: "10.88.0.0/16", bridge: "crib0" };
  deepEqual(valid("[cni]\ndefault_network = true").cni.defaultNetwork, network);
  deepEqual(valid("", { defaultNetwork: true }).cni.defaultNetwork, network);
  const text = '[cni.default_network]\nsubnet = "10.99.0.0/24"';
  deepEqual(valid(text, { defaultNetwork: true }).cni.defaultNetwork, { ...network, subnet: "10.99.0.0/24" });
});

test("images and registries have the documented defaults", () => {
  const { registry, images } = valid("");
  deepEqual(registry.configPaths, ["/etc/crib/certs.d", "/etc/containerd/certs.d"]);
  deepEqual(registry.authFiles, []);
  equal(registry.stallMs, 30_000);
  equal(images.pauseImage, "");
  equal(images.maxConcurrentDownloads, 3);
  equal(images.maxTotalDownloads, 8);
  equal(images.unpackWorkers, 2);
  equal(images.sync, true);
  equal(images.keepPartialsMs, 600_000);
  equal(images.progressTimeoutMs, 300_000);
  equal(images.limits.manifestBytes, 4 << 20);
  equal(images.limits.unpackedBytes, 2 ** 36);
});

test("registry directories are a list, or a text with colons as containerd has it", () => {
  const paths = ["/a/certs.d", "/b/certs.d"];
  deepEqual(valid('[registry]\nconfig_path = "/a/certs.d:/b/certs.d"').registry.configPaths, paths);
  deepEqual(valid('[registry]\nconfig_path = ["/a/certs.d", "/b/certs.d"]').registry.configPaths, paths);
  deepEqual(valid("[registry]\nconfig_path = []").registry.configPaths, []);
  deepEqual(problems('[registry]\nconfig_path = "/a:b"'), [
    '[registry] config_path = "/a:b": expected absolute paths with ":" between them',
  ]);
  deepEqual(problems('[registry]\nconfig_path = ["/a", "b"]'), [
    '[registry] config_path[1] = "b": expected an absolute path',
  ]);
  deepEqual(problems("[registry]\nconfig_path = 3"), [
    '[registry] config_path = 3: expected absolute paths: a list, or a text with ":" between them',
  ]);
});

test("sizes, counts and names of images are checked", () => {
  equal(valid('[images.limits]\nunpacked_size = "1TiB"\nlayers = 127').images.limits.unpackedBytes, 2 ** 40);
  const size = 'expected a size above zero, such as "512KiB", "4MiB" or "64GiB"';
  deepEqual(problems('[images.limits]\nconfig_size = "4MB"'), [`[images.limits] config_size = "4MB": ${size}`]);
  deepEqual(problems('[images.limits]\nconfig_size = "0B"'), [`[images.limits] config_size = "0B": ${size}`]);
  deepEqual(problems("[images]\nunpack_workers = 0"), ["[images] unpack_workers = 0: expected at least 1"]);
  deepEqual(problems("[images]\nunpack_workers = 65"), ["[images] unpack_workers = 65: expected at most 64"]);
  equal(valid('[images]\npause_image = "registry.k8s.io/pause:3.10"').images.pauseImage, "registry.k8s.io/pause:3.10");
  ok(problems('[images]\npause_image = "http://x/y"')[0]?.includes("expected the name of an image"));
});

test("an unknown key is named with its table and the nearest known one", () => {
  deepEqual(problems("rot = 1"), ["unknown key rot at the top; did you mean root?"]);
  deepEqual(problems('[cni]\nconfdir = "/x"'), ["unknown key confdir in [cni]; did you mean conf_dir?"]);
  deepEqual(problems('[runtimes.kata]\ncontroler = "shim"'), [
    "unknown key controler in [runtimes.kata]; did you mean controller?",
  ]);
  deepEqual(problems('[cni.default_network]\nbrigde = "x"'), [
    "unknown key brigde in [cni.default_network]; did you mean bridge?",
  ]);
  deepEqual(problems("[images.limits]\nlayer = 1"), ["unknown key layer in [images.limits]; did you mean layers?"]);
  ok(problems("[log]\nzzzzzz = 1")[0]?.includes("known keys are level, format"));
});

test("a wrong value is shown with field and expectation", () => {
  deepEqual(problems('[cni]\nmax_conf_num = "1"'), ['[cni] max_conf_num = "1": expected a number']);
  deepEqual(problems("[cni]\nmax_conf_num = 1.5"), ["[cni] max_conf_num = 1.5: expected a whole number"]);
  deepEqual(problems("[cni]\nmax_conf_num = -1"), ["[cni] max_conf_num = -1: expected at least 0"]);
  deepEqual(problems('[cni]\nbin_dirs = ["/a", 3]'), ["[cni] bin_dirs[1] = 3: expected a string"]);
  deepEqual(problems('[cni]\nloopback = "no"'), ['[cni] loopback = "no": expected one of "native", "plugin"']);
  deepEqual(problems("[cni]\ndefault_network = 3"), ["[cni] default_network = 3: expected true, false or a table"]);
  deepEqual(problems("cni = 3"), ["cni = 3: expected a table"]);
  deepEqual(problems('[flow.budgets]\n"netns.pin" = "5"'), [
    '[flow.budgets] netns.pin = "5": expected a duration such as "500ms", "30s" or "4m"',
  ]);
});

test("relative paths are refused, in the file and in flags", () => {
  deepEqual(problems('root = "var"'), ['root = "var": expected an absolute path']);
  deepEqual(problems("", { state: "run", cniBinDirs: ["/a", "b"] }), [
    '--state "run": expected an absolute path',
    '--cni-bin-dir "b": expected an absolute path',
  ]);
});

test("contradictions between keys are found", () => {
  ok(problems('[runtime]\ndefault_handler = "kata"')[0]?.includes("no such handler; there is runc"));
  ok(problems('[flow]\nretry_min = "2m"')[0]?.includes("retry_min is above retry_max"));
  ok(problems('root = "/run/crib/root"')[0]?.includes("neither may lie in the other"));
  ok(problems(`socket = "/${"x".repeat(107)}"`)[0]?.includes("longer than 107 bytes"));
});

test("a handler has networks, overhead, snapshot options and features of its own", () => {
  const text = `[runtimes.vm]
    controller = "vmm"
    networks = ["a", "b"]
    overhead = { cpu_quota = 25000, cpu_period = 100000, cpu_shares = 256, memory = "160MiB" }
    snapshot_options = ["volatile", "index=off"]
    features = { user_namespaces = true }
    [runtimes.runc]`;
  const { vm, runc } = valid(text).runtimes;
  deepEqual(vm?.networks, ["a", "b"]);
  deepEqual(vm?.overhead, { cpuQuota: 25_000, cpuPeriod: 100_000, cpuShares: 256, memoryLimitBytes: 160 << 20 });
  deepEqual(vm?.snapshotOptions, ["volatile", "index=off"]);
  deepEqual(vm?.features, { userNamespaces: true });
  for (const key of ["networks", "overhead", "snapshotOptions", "features"])
    equal(Object.hasOwn(runc ?? {}, key), false);
  deepEqual(problems('[runtimes.runc.overhead]\nmemory = "1MB"\n[runtimes.runc]\nnetworks = []'), [
    "[runtimes.runc] networks = []: expected at least 1 in the list",
    '[runtimes.runc.overhead] memory = "1MB": expected a size above zero, such as "512KiB", "4MiB" or "64GiB"',
  ]);
  deepEqual(problems("[runtimes.runc.overhead]\nmemori = 1"), [
    "unknown key memori in [runtimes.runc.overhead]; did you mean memory?",
  ]);
});

test("old OCI runtimes are warned of, or refused where a handler says so", () => {
  const text = '[runtimes.runc]\n[runtimes.strict]\nold_runtime = "refuse"';
  const { runc, strict } = valid(text).runtimes;
  deepEqual([runc?.oldRuntime, strict?.oldRuntime], ["warn", "refuse"]);
  deepEqual(problems('[runtimes.runc]\nold_runtime = "no"'), [
    '[runtimes.runc] old_runtime = "no": expected one of "warn", "refuse"',
  ]);
});

test("options of overlayfs that would break layers or checkpoints are refused, with the reason", () => {
  const refused = (option: string): string => problems(`[runtimes.runc]\nsnapshot_options = ["${option}"]`).join();
  const place = "[runtimes.runc] snapshot_options[0] = ";
  equal(
    refused("metacopy=on"),
    `${place}"metacopy=on": files that are changed in part would be missing from checkpoints`,
  );
  ok(refused("userxattr").startsWith(`${place}"userxattr": directories that a layer replaces`));
  for (const option of ["lowerdir=/etc", "volatile=1", "volatile,upperdir=/etc", "index=yes", "toString"]) {
    ok(refused(option).includes("expected one of volatile, index=on|off"), option);
  }
});

test("a sandboxer has an address, and defaults for the rest", () => {
  const defaults = {
    name: "vmm",
    address: "/run/vmm.sock",
    network: "before-start",
    namespacePaths: "explicit",
    taskUpdates: "auto",
    io: "auto",
    pendingGraceMs: 30_000,
  };
  deepEqual(valid("").sandboxers, {});
  deepEqual(valid('[sandboxers.vmm]\naddress = "unix:///run/vmm.sock"').sandboxers, { vmm: defaults });
  deepEqual(valid('[sandboxers.vmm]\naddress = "/run//vmm.sock"').sandboxers, { vmm: defaults });
  const text = `[sandboxers.vmm]
    address = "/run/vmm.sock"
    network = "after-start"
    namespace_paths = "proc"
    task_updates = "on"
    io = "streaming"
    pending_grace = "2m"`;
  const given = { network: "after-start", namespacePaths: "proc", taskUpdates: "on", io: "streaming" };
  deepEqual(valid(text).sandboxers["vmm"], { ...defaults, ...given, pendingGraceMs: 120_000 });
});

test("mistakes in a sandboxer are named", () => {
  const address = 'address = "/run/vmm.sock"';
  deepEqual(problems("[sandboxers.vmm]"), ["[sandboxers.vmm] address = nothing: expected a string"]);
  for (const wrong of ["tcp://1.2.3.4:5", "unix://run/x", "run/x"]) {
    ok(problems(`[sandboxers.vmm]\naddress = "${wrong}"`)[0]?.includes("expected an absolute path, or a text"), wrong);
  }
  deepEqual(problems(`[sandboxers.vmm]\n${address}\nnetwrok = "x"`), [
    "unknown key netwrok in [sandboxers.vmm]; did you mean network?",
  ]);
  for (const name of ["podsandbox", "shim", "docker"]) {
    ok(problems(`[sandboxers.${name}]\n${address}`)[0]?.includes("are controllers of crib's own"), name);
  }
  ok(problems(`[sandboxers.VMM]\n${address}`)[0]?.includes("expected lower-case letters"));
  ok(problems(`[sandboxers.vmm]\naddress = "/${"x".repeat(107)}"`)[0]?.includes("longer than 107 bytes"));
  ok(problems(`[sandboxers.vmm]\n${address}\npending_grace = "0s"`)[0]?.includes("expected a duration above zero"));
});

test("a mistake of syntax is given with line and column", () => {
  ok(problems('root = "/x"\nstate = \n')[0]?.startsWith("line 2, column"));
});

test("every mistake is told at once", () => {
  equal(problems('rot = 1\n[cni]\nconfdir = "x"\n[log]\nlevel = "loud"').length, 3);
});

test("the printed configuration reads back as itself", () => {
  const text = `
    [cni.default_network]
    subnet = "10.99.0.0/24"
    [runtimes.kata]
    controller = "shim"
    options = { BinaryName = "/usr/bin/crun", SystemdCgroup = true, Depth = 3 }
    pod_annotations = ["io.kata.*", "quote\\"d"]
    container_annotations = ["example.com/*"]
    network = "before-start"
    prestart = false
    namespace_paths = "proc"
    networks = ["one", "two"]
    overhead = { cpu_shares = 512, memory = "64MiB" }
    snapshot_options = ["volatile"]
    features = { recursive_read_only_mounts = false, user_namespaces = true }
    [runtimes.runc]
    [sandboxers.vmm]
    address = "/run/vmm.sock"
    pending_grace = "90s"
    [registry]
    config_path = "/a:/b"
    auth_files = ["/root/.docker/config.json"]
    retry_after_limit = "0s"
    [images]
    pause_image = "registry.k8s.io/pause:3.10"
    sync = false
    [images.limits]
    path_size = "1000B"
    entries = 7
    [flow]
    budgets = { "network.attach" = "90s", plain = "1500ms" }`;
  for (const config of [valid(""), valid(text)]) deepEqual(valid(renderConfig(config)), config);
});

test("a named file must exist and be valid", (t) => {
  const dir = mkdtempSync(join(tmpdir(), "crib-config-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, "config.toml");
  throws(
    () => loadConfig(path),
    (reason) => hasCode(reason, Code.NotFound),
  );
  writeFileSync(path, "rot = 1");
  equal(checkConfigFile(path).kind, "invalid");
  throws(
    () => loadConfig(path),
    (reason: Error) => hasCode(reason, Code.InvalidArgument) && reason.message.includes(path),
  );
  writeFileSync(path, 'root = "/elsewhere"');
  equal(loadConfig(path).root, "/elsewhere");
});
