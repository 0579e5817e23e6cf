import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** How QEMU runs the guest's instructions. */
export type Accelerator = "kvm" | "tcg";

/** A running QEMU, and the guest in it. */
export interface Guest extends AsyncDisposable {
  /** Whole lines that the guest writes to its port. Ends when QEMU does. */
  readonly lines: AsyncIterable<string>;
  /** What QEMU itself complained of. */
  readonly complaints: () => string;
  /** As the reset button does: nothing is told, nothing is written. */
  reset(): Promise<void>;
}

const processors: Readonly<Record<Accelerator, string>> = {
  kvm: "-accel kvm -cpu host",
  tcg: "-accel tcg,thread=multi,tb-size=1024 -cpu max",
};

/**
 * Boots the disks of `scripts/vm/build`, found in `vm`. What the guest writes to them is gone with QEMU; a reset keeps it. There is
 * no network. The kernel's and systemd's lines go to `console.log` beside the disks. Disposing ends QEMU at once.
 */
export function bootGuest(vm: string, accelerator: Accelerator, kernelArguments: string): Guest {
  const folder = join(vm, "qemu");
  const monitor = join(folder, "srv/monitor.sock");
  rmSync(monitor, { force: true });
  const child = spawn(
    "setpriv",
    // So that it does not outlive us, whatever ends us.
    [
      "--pdeathsig",
      "KILL",
      "--",
      "nice",
      "-n",
      "10",
      "chroot",
      folder,
      "qemu-system-x86_64",
      ...flags(accelerator, kernelArguments),
    ],
    // An input that ends would close the guest's port.
    { stdio: "pipe" },
  );
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaints += text));
  return {
    lines: createInterface({ input: child.stdout }),
    complaints: () => complaints,
    reset: () => command(monitor, "system_reset"),
    [Symbol.asyncDispose]: () => end(child),
  };
}

function flags(accelerator: Accelerator, kernelArguments: string): readonly string[] {
  const disk = (file: string): string => `-drive file=/srv/${file},format=raw,if=virtio,snapshot=on`;
  const words = [
    "-machine q35 -smp 2 -m 4G -display none -nic none",
    processors[accelerator],
    "-kernel /srv/vmlinuz -initrd /srv/initrd.img",
    disk("guest.ext4"),
    disk("crib.ext4"),
    "-serial file:/srv/console.log -qmp unix:/srv/monitor.sock,server=on,wait=off",
    "-chardev stdio,id=story,signal=off -device virtio-serial -device virtserialport,chardev=story,name=crib",
  ].flatMap((some) => some.split(" "));
  return [...words, "-append", `root=/dev/vda rw console=ttyS0 security=apparmor ${kernelArguments}`];
}

/** Gives QEMU a command (QEMU Machine Protocol) and waits for its answer. */
async function command(path: string, name: string): Promise<void> {
  const socket = connect(path);
  try {
    const write = (execute: string): boolean => socket.write(`${JSON.stringify({ execute })}\n`);
    write("qmp_capabilities");
    write(name);
    let answers = 0;
    for await (const line of createInterface({ input: socket })) {
      const answer = JSON.parse(line) as { readonly return?: object; readonly error?: { readonly desc: string } };
      if (answer.error) throw new Error(`QEMU refused ${name}: ${answer.error.desc}`);
      if (answer.return && ++answers === 2) return;
    }
    throw new Error(`QEMU did not answer ${name}`);
  } finally {
    socket.destroy();
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  // Every program on the way became the next one by exec, so this is QEMU.
  child.kill("SIGKILL");
  await once(child, "exit");
}
