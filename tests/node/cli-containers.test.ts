import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";

import { type ContainerNode, startContainerNode } from "../support/containers/container-node.ts";
import { type Crib, cribOf } from "../support/crib-of.ts";
import { endAfter } from "../support/end-after.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import { runProgram } from "../support/run-program.ts";

interface Scene extends ContainerNode {
  readonly crib: Crib;
}

async function startScene(t: TestContext): Promise<Scene> {
  const node = await startContainerNode(t);
  return { ...node, crib: cribOf(node.node) };
}

/** No pod, and nothing that the command line kept for one. */
async function nothingLeft({ node }: Scene): Promise<void> {
  deepEqual(await node.list(), new Map());
  const kept = join(node.root, "cli", "pods");
  deepEqual(existsSync(kept) ? readdirSync(kept) : [], []);
}

/** Runs a program on a terminal of its own, types what follows what it shows, and gives all that was shown. */
const onTerminal = `
import os, pty, select, sys, time, json, fcntl, termios, struct
argv, script, out, seen = json.loads(sys.argv[1]), json.loads(sys.argv[2]), b"", 0
pid, fd = pty.fork()
if pid == 0:
    os.execvp(argv[0], argv)
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
end = time.time() + 300
while time.time() < end:
    ready, _, _ = select.select([fd], [], [], 0.1)
    if ready:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data: break
        out += data
    if script and script[0][0].encode() in out[seen:]:
        seen = len(out)
        os.write(fd, script.pop(0)[1].encode())
if time.time() >= end:
    os.kill(pid, 15)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.stdout.buffer.write(out)
sys.exit(status)
`;

/** One after the other, on one node. */
const parts: Readonly<Record<string, (t: TestContext, scene: Scene) => Promise<void>>> = {
  "run gives output, exit code and input to the byte, and leaves nothing": async (_, scene) => {
    const { crib, busybox } = scene;
    const script = "echo out; echo err >&2; printf end; exit 7";
    const ended = await crib(["run", busybox, "sh", "-c", script]);
    deepEqual(ended, { exitCode: 7, stdout: "out\nend", stderr: "err\n" });
    await nothingLeft(scene);
    const input = `${"x".repeat(100_000)}\nlast`;
    const echoed = await crib(["run", "-i", busybox, "cat"], input);
    equal(echoed.stderr, "");
    ok(echoed.stdout === input);
    equal((await crib(["run", busybox, "sh", "-c", "sh -c 'kill -KILL $$'; exit $?"])).exitCode, 137);
    const missing = await crib(["run", busybox, "/no/such"]);
    equal(missing.exitCode, 1);
    match(missing.stderr, /^crib: .*no\/such/);
    await nothingLeft(scene);
  },

  "flags of run reach the container": async (_, scene) => {
    const { crib, busybox, node } = scene;
    const dir = join(node.lane.dir, "shared");
    mkdirSync(dir);
    writeFileSync(join(dir, "hello"), "from the host\n");
    writeFileSync(join(dir, "variables"), "# comment\nFILE=1\nBOTH=file\n");
    const flags = [
      `-v ${dir}:/shared:ro -e BOTH=flag -e CRIB_SOCKET --env-file ${join(dir, "variables")} -w /tmp -u 33:34 --memory 64m`,
      "--cpus 0.5 --cap-drop ALL --name flags --network host --read-only --entrypoint sh",
    ].flatMap((text) => text.split(" "));
    const script = [
      "cat /shared/hello; touch /shared/x 2>/dev/null || echo read-only mount; touch /tmp/x 2>/dev/null || echo read-only root",
      "echo $FILE $BOTH $CRIB_SOCKET; pwd; id -u; id -g; grep CapEff /proc/self/status; ls /sys/class/net | wc -l",
    ].join("\n");
    const [hello, mount, root, variables, dirname, uid, gid, capabilities, links] = (
      await crib.prints(["run", ...flags, busybox, "-c", script])
    ).split("\n");
    deepEqual(
      [hello, mount, root, variables, dirname, uid, gid],
      ["from the host", "read-only mount", "read-only root", `1 flag ${node.socket}`, "/tmp", "33", "34"],
    );
    match(capabilities ?? "", /0000000000000000$/);
    ok(Number(links) >= 1);
    for (const [wrong, message] of [
      [["-p", "80"], /--publish "80": expected/],
      [["-v", "/no/such/dir:/x"], /--volume "\/no\/such\/dir:\/x": there is no "\/no\/such\/dir"/],
      [["--cpus", "many"], /--cpus "many"/],
      [["-it"], /standard input is none/],
    ] as const) {
      const { exitCode, stderr } = await crib(["run", ...wrong, busybox, "true"]);
      equal(exitCode, 1);
      match(stderr, message);
    }
    await nothingLeft(scene);
  },

  "an image that is not here is pulled, and a signal ends and removes the pod": async (_, scene) => {
    const { crib, images, serve, node } = scene;
    const { busyboxImage } = await import("../support/containers/container-node.ts");
    const name = serve(busyboxImage({ config: { Labels: { a: "b" } } }));
    const child = crib.start([
      "run",
      name,
      "sh",
      "-c",
      "trap 'echo asked; exit 0' TERM; echo up; while :; do sleep 0.1; done",
    ]);
    const stderr = text(child.stderr);
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
    await eventually(20_000, () => equal(stdout, "up\n"));
    equal((await node.list()).size, 1);
    child.kill("SIGINT");
    equal(await ended, 130);
    equal(stdout, "up\nasked\n");
    match(await stderr, /resolved to sha256:/);
    await nothingLeft(scene);
    ok(images);
  },

  "a detached container is listed, reached, stopped and removed by names": async (_, scene) => {
    const { crib, busybox } = scene;
    const script = "trap 'exit 5' TERM; echo started; while :; do sleep 0.1; done";
    const [podId = "", id = ""] = (
      await crib.prints(["run", "-d", "--name", "web", busybox, "sh", "-c", script])
    ).split("\n");
    await crib.prints(["run", "-d", "--name", "db", busybox, "sh", "-c", script]);
    match(await crib.prints(["ps"]), new RegExp(`^${id.slice(0, 13)}\\s+web\\s+main\\s.*running`, "m"));
    const listed = JSON.parse(await crib.prints(["pods", "--format", "json"])) as readonly {
      readonly id: string;
      readonly name: string;
    }[];
    deepEqual(
      listed.map(({ name }) => name),
      ["db", "web"],
    );
    equal(listed[1]?.id, podId);
    await eventually(10_000, async () => equal(await crib.prints(["logs", "web"]), "started\n"));
    match(await crib.prints(["logs", "-t", "web/main"]), /^\d{4}-\d\d-\d\dT\S+ started\n$/);
    const executed = await crib(["exec", "-i", "web", "sh", "-c", "cat; echo err >&2; exit 3"], "in");
    deepEqual(executed, { exitCode: 3, stdout: "in", stderr: "err\n" });
    const ambiguous = await crib(["exec", "main", "true"]);
    match(
      ambiguous.stderr,
      /looking for container "main": it may mean container db\/main \(\w+\), container web\/main/,
    );
    match(
      (await crib(["rm", "web", "nothing"])).stderr,
      /pod "web": its container "main" runs; stop it first.*\n.*"nothing"/,
    );
    match(await crib.prints(["stats"]), /^web\s+main\s+\d+\.\d%\s+\d/m);
    equal(await crib.prints(["stop", "web/main"]), "web/main\n");
    match(await crib.prints(["ps", "-a"]), /exited \(5 Error\)/);
    equal(await crib.prints(["rm", "web"]), "web\n");
    equal(await crib.prints(["stop", "-t", "0", "db"]), "db\n");
    match(await crib.prints(["pods"]), /db\s+notready\s+0\/1/);
    equal(await crib.prints(["rm", "-f", "db"]), "db\n");
    await nothingLeft(scene);
  },

  "--rm=false keeps the pod and its log": async (_, scene) => {
    const { crib, busybox } = scene;
    const script = "for i in 1 2 3; do echo $i; done; printf par; sleep 0.3; printf tial";
    equal(await crib.prints(["run", "--rm=false", "--name", "kept", busybox, "sh", "-c", script]), "1\n2\n3\npartial");
    equal(await crib.prints(["logs", "--tail", "2", "kept"]), "3\npartial");
    equal(await crib.prints(["logs", "--since", "1h", "kept"]), "1\n2\n3\npartial");
    equal(await crib.prints(["logs", "--since", "2030-01-01T00:00:00Z", "kept"]), "");
    await crib.prints(["rm", "kept"]);
    await nothingLeft(scene);
  },

  "logs are followed through a rotation and a restart of the daemon to the end": async (t, scene) => {
    const { crib, busybox, node } = scene;
    const count = "count() { while [ $i -lt $1 ]; do i=$((i+1)); echo line $i; sleep 0.05; done; }";
    // What it writes while there is no daemon waits in its FIFOs, but not longer than it runs itself.
    const script = `${count}; i=0; count 30; while [ ! -e /go ]; do sleep 0.1; done; count 60`;
    const [, id = ""] = (await crib.prints(["run", "-d", "--name", "ticks", busybox, "sh", "-c", script])).split("\n");
    const follower = crib.start(["logs", "-f", "ticks"]);
    t.after(() => follower.kill("SIGKILL"));
    let followed = "";
    follower.stdout.on("data", (chunk: Buffer) => (followed += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => follower.on("close", resolve));
    const path = (await node.cri.runtime.containerStatus({ containerId: id })).status?.logPath ?? "";
    await eventually(10_000, () => ok(followed.includes("line 5\n")));
    renameSync(path, `${path}.20261121-080000`);
    await node.cri.runtime.reopenContainerLog({ containerId: id });
    await node.restart();
    await crib.prints(["exec", "ticks", "touch", "/go"]);
    const expected = Array.from({ length: 60 }, (_, index) => `line ${index + 1}\n`).join("");
    equal(await ended, 0);
    equal(followed, expected);
    equal(await crib.prints(["logs", "ticks"]), expected);
    equal(await crib.prints(["logs", "--tail", "1", "ticks"]), "line 60\n");
    await crib.prints(["rm", "ticks"]);
    await nothingLeft(scene);
  },

  "ports are published and forwarded": async (t, scene) => {
    const { crib, busybox } = scene;
    const free = createServer().listen(0, "127.0.0.1");
    const port = await new Promise<number>((resolve) =>
      free.once("listening", () => resolve((free.address() as { readonly port: number }).port)),
    );
    free.close();
    // It ends when it is told to, also in the middle of waiting for a client.
    const serve = "trap 'exit 0' TERM; while :; do echo hello | nc -l -p 8000 & wait; done";
    await crib.prints(["run", "-d", "--name", "web", "-p", `127.0.0.1:${port}:8000`, busybox, "sh", "-c", serve]);
    match(JSON.stringify((await scene.node.list()).size), /^1$/);
    const forward = crib.start(["port-forward", "web", ":8000"]);
    let printed = "";
    forward.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => forward.on("exit", resolve));
    t.after(() => forward.kill("SIGKILL"));
    const local = await eventually(10_000, () => {
      const found = /^127\.0\.0\.1:(\d+) -> 8000\n$/.exec(printed)?.[1];
      if (found === undefined) throw new Error(`it printed ${JSON.stringify(printed)}`);
      return Number(found);
    });
    await eventually(10_000, async () => equal(await text(connect(local, "127.0.0.1")), "hello\n"));
    forward.kill("SIGTERM");
    equal(await ended, 0);
    await crib.prints(["rm", "-f", "web"]);
    await nothingLeft(scene);
  },

  "with a terminal no output is lost, however short the program": async (_, scene) => {
    const { crib, busybox } = scene;
    const short = await crib(["run", "-t", busybox, "echo", "short"]);
    deepEqual(short, { exitCode: 0, stdout: "short\r\n", stderr: "" });
    const long = await crib([
      "run",
      "-t",
      busybox,
      "sh",
      "-c",
      "for i in 1 2 3 4 5 6; do echo $i; sleep 0.2; done; exit 4",
    ]);
    deepEqual(long, { exitCode: 4, stdout: "1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n", stderr: "" });
    await nothingLeft(scene);
  },

  "a shell on a terminal has its prompt, its size, its keys and its exit code": async (_, scene) => {
    const { crib, busybox } = scene;
    const argv = [...crib.argv, "run", "-it", busybox, "sh", "-c", "PS1='ready> ' exec sh"];
    const typed = [
      ["ready> ", "stty size\r"],
      ["33 101", "echo sl''eeps; sleep 60\r"],
      ["sleeps", "\u0003"],
      ["ready> ", "echo code $?\r"],
      ["code 130", "exit 9\r"],
    ];
    const { exitCode, stdout } = await runProgram(
      ["python3", "-c", onTerminal, JSON.stringify(argv), JSON.stringify(typed)],
      { mayFail: true, env: crib.env },
    );
    equal(exitCode, 9, stdout);
    match(stdout, /33 101/);
    await nothingLeft(scene);
  },
};

test("containers by the command line", needsRoot, async (t) => {
  const scene = await startScene(t);
  for (const [name, run] of Object.entries(parts)) {
    await t.test(name, async (t) => {
      endAfter(t, () => scene.node.removeAllPods());
      await run(t, scene);
    });
  }
});
