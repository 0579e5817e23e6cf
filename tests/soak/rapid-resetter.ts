import { resetRapidly } from "../support/grpc-attacks.ts";

// The attacker in a process of its own, so that it does not take turns with the client whose calls are timed. Arguments: socket, resets.
const [, , socket = "", count = ""] = process.argv;
const connections = await resetRapidly({ socket }, Number(count));
process.stdout.write(JSON.stringify({ connections }));
