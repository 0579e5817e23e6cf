import { equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { sysctlNamespace, sysctlPath } from "./sysctl.ts";

test("the first separator of a sysctl name decides what the other one means", () => {
  equal(sysctlPath("net.ipv4.ip_forward"), "net/ipv4/ip_forward");
  equal(sysctlPath("net/ipv4/ip_forward"), "net/ipv4/ip_forward");
  equal(sysctlPath("net.ipv4.conf.eth0/1.forwarding"), "net/ipv4/conf/eth0.1/forwarding");
  equal(sysctlPath("net/ipv4/conf/eth0.1/forwarding"), "net/ipv4/conf/eth0.1/forwarding");
});

test("a sysctl name that leaves /proc/sys is refused", () => {
  for (const name of ["", "net/../kernel/panic", "net/./ipv4", "/etc/passwd", "net..ipv4", "net/a\0b", "a.//"]) {
    throws(() => sysctlPath(name), { code: Code.InvalidArgument }, name);
  }
});

test("a sysctl belongs to one kind of namespace or to the host", () => {
  equal(sysctlNamespace("net.core.somaxconn"), "net");
  equal(sysctlNamespace("kernel.shmmax"), "ipc");
  equal(sysctlNamespace("kernel/shm_rmid_forced"), "ipc");
  equal(sysctlNamespace("fs.mqueue.msg_max"), "ipc");
  equal(sysctlNamespace("kernel.domainname"), "uts");
  equal(sysctlNamespace("kernel.panic"), undefined);
  equal(sysctlNamespace("vm.swappiness"), undefined);
});
