import { deepEqual, equal, rejects } from "node:assert/strict";
import { PassThrough, Readable } from "node:stream";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { readPassword, readPasswordFrom } from "./read-password.ts";

test("of a password from standard input one line end is left out", async () => {
  equal(await readPasswordFrom(Readable.from(["hun", "ter2\n"])), "hunter2");
  equal(await readPasswordFrom(Readable.from(["hunter2\r\n"])), "hunter2");
  equal(await readPasswordFrom(Readable.from([" two\nlines \n\n"])), " two\nlines \n");
  equal(await readPasswordFrom(Readable.from([])), "");
  await rejects(readPasswordFrom(Readable.from([Buffer.alloc(100_000)])), { code: Code.ResourceExhausted });
});

function openTerminal(): {
  terminal: PassThrough & { isTTY: true; setRawMode(raw: boolean): void };
  modes: boolean[];
  shown: string[];
} {
  const modes: boolean[] = [];
  const terminal = Object.assign(new PassThrough(), {
    isTTY: true as const,
    setRawMode: (raw: boolean) => void modes.push(raw),
  });
  return { terminal, modes, shown: [] };
}

test("a typed password is not shown, and keys that correct it do", async () => {
  for (const [typed, password] of [
    [["h", "unter", "2\r"], "hunter2"],
    [["hunterx", "\u007f", "2\n"], "hunter2"],
    [["wrong", "\u0015", "hünter2\u0004"], "hünter2"],
  ] as const) {
    const { terminal, modes, shown } = openTerminal();
    for (const keys of typed) terminal.write(keys);
    equal(await readPassword("Password: ", terminal, { write: (text) => shown.push(text) }), password);
    deepEqual(shown, ["Password: ", "\n"]);
    deepEqual(modes, [true, false]);
    equal(terminal.destroyed, false);
  }
});

test("an interrupt ends the question, and the terminal is as before", async () => {
  const { terminal, modes } = openTerminal();
  terminal.write("hunt\u0003");
  await rejects(readPassword("", terminal, { write: () => {} }), { code: Code.Canceled });
  deepEqual(modes, [true, false]);
});

test("without a terminal nobody can be asked", async () => {
  const { terminal } = openTerminal();
  await rejects(readPassword("", Object.assign(terminal, { isTTY: false }), { write: () => {} }), {
    code: Code.FailedPrecondition,
  });
});
