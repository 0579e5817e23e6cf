// Runs a pod on any CRI daemon, uses it, and leaves nothing behind, whatever happens in between:
//
//   node examples/run-a-pod.ts IMAGE [unix:///run/crib/crib.sock]
//
// IMAGE needs the programs of busybox, as docker.io/library/busybox has them.
import { connectCri, runPod } from "@crib/cri-client";

const [image, endpoint = "unix:///run/crib/crib.sock"] = process.argv.slice(2);
if (image === undefined) throw new Error("expected the name of an image");

await using cri = connectCri(endpoint, { timeoutMs: 30_000 });
await using pod = await runPod(cri, { name: "example", labels: { app: "example" } });
console.log(`pod ${pod.id.slice(0, 13)} has address ${pod.addresses[0] ?? "none"}`);

await using server = await pod.runContainer({
  image,
  command: ["sh", "-c", 'echo "hello from $NAME" >/tmp/hello; httpd -p 8080 -h /tmp; echo listening; sleep 3600'],
  env: { NAME: "the pod" },
});

// A command, with input and output.
const { exitCode, stdout } = await server.exec(["wc", "-c"], { stdin: "twelve bytes" });
console.log(`wc says ${stdout.toString().trim()} and exits with ${exitCode}`);

// The log, as it grows.
for await (const { stream, text: line } of server.logs({ follow: true })) {
  console.log(`${stream}: ${line.toString()}`);
  break;
}

// A port of the pod on this machine.
{
  await using forward = await pod.forwardPort(8080);
  const answer = await fetch(`http://127.0.0.1:${forward.port}/hello`);
  console.log(`port 8080 says: ${(await answer.text()).trim()}`);
}

// A container that ends by itself.
await using task = await pod.runContainer({ image, command: ["sh", "-c", "exit 7"] });
const end = await task.wait();
console.log(`the task has ended: ${end.reason}, exit code ${end.exitCode}`);
