/** A process that pulls the sample image, and removes it again when told so, until a fault kills it. */
import { openRealStore } from "./real-store.ts";

const [rootDir = "", faults = "", action = "pull"] = process.argv.slice(2);
await using store = await openRealStore(rootDir, faults);
await store.images.recover();
await store.pull();
if (action === "remove") await store.images.remove("busybox");
