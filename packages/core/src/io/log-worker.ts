import { parentPort, workerData } from "node:worker_threads";

import { Code, StatusError } from "@crib/errdefs";
import { useDescriptorLedger } from "@crib/linux/descriptor-ledger";

import type { LogShare } from "./log/container-log.ts";
import { headerBytes } from "./log/line-formatter.ts";
import { LogClock } from "./log/log-clock.ts";
import { ContainerCopy } from "./worker/container-copy.ts";
import type { FromLogWorker, LogCall, ToLogWorker } from "./worker/messages.ts";

/** Several times what a read of ordinary lines makes, so that it takes one write. */
const linesBytes = 256 * 1024;

const copies = new Map<string, ContainerCopy>();
const share: LogShare = {
  clock: new LogClock(headerBytes),
  lines: Buffer.allocUnsafeSlow(linesBytes),
  note: (level, message, fields) => tell({ kind: "note", level, message, fields }),
};

function tell(message: FromLogWorker, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, [...transfer]);
}

function get(id: string): ContainerCopy {
  const copy = copies.get(id);
  if (copy === undefined) throw new StatusError(Code.NotFound, `container "${id}" has no open streams`);
  return copy;
}

function close(id: string): void {
  const copy = copies.get(id);
  copies.delete(id);
  copy?.close();
}

function endAll(): void {
  for (const copy of copies.values()) copy.seal();
  for (const id of copies.keys()) close(id);
}

function carryOut(call: LogCall): void {
  if (call.kind === "open") copies.set(call.request.id, new ContainerCopy(call.request, share, tell));
  else if (call.kind === "reopen") get(call.id).reopenLog();
  else if (call.kind === "heed") return; // messages are taken in their order
  else if (call.kind === "close") close(call.id);
  else endAll();
}

function answer(number: number, call: LogCall): void {
  try {
    carryOut(call);
    tell({ kind: "done", number });
  } catch (error) {
    const { code, message } = StatusError.from(error);
    tell({ kind: "failed", number, code, message });
  }
  // Without its port, which is all that it waits for, the thread comes to its end.
  if (call.kind === "end") parentPort?.close();
}

const { ledger } = workerData as { readonly ledger: SharedArrayBuffer };
useDescriptorLedger(ledger);
parentPort?.on("message", (message: ToLogWorker) => {
  if (message.kind === "call") answer(message.number, message.call);
  else if (message.kind === "tap") copies.get(message.id)?.tap(message.isOn);
  else copies.get(message.id)?.taken(message.bytes);
});
