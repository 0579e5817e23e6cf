import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { LayerState, type PullEvent, PullEventSchema } from "@crib/wire/admin";

import { drawProgress } from "./draw-progress.ts";
import { openProgressView } from "./open-progress-view.ts";
import { plainLines } from "./plain-lines.ts";
import { advance, noProgress, type PullProgress } from "./pull-progress.ts";

const digits = (index: number): string => `sha256:${index.toString(16).padStart(64, "0")}`;
const shown = (index: number): string => digits(index).slice(7, 20);

function eventOf(event: NonNullable<MessageInitShape<typeof PullEventSchema>["event"]>): PullEvent["event"] {
  return create(PullEventSchema, { event }).event;
}

const resolving = eventOf({ case: "resolving", value: { reference: "docker.io/library/x:1" } });
const resolved = (layers: number, size = 1_000_000n): PullEvent["event"] =>
  eventOf({
    case: "resolved",
    value: {
      reference: "docker.io/library/x:1",
      digest: digits(255),
      layers: Array.from({ length: layers }, (_, index) => ({ digest: digits(index), size })),
    },
  });
const layer = (index: number, state: LayerState, downloaded = 0n, unpacked = 0n): PullEvent["event"] =>
  eventOf({ case: "layer", value: { digest: digits(index), state, downloaded, unpacked, size: 1_000_000n } });

function after(...events: readonly PullEvent["event"][]): PullProgress {
  return events.reduce(advance, noProgress);
}

const style = { width: 100, height: 24, unicode: false };

test("a layer's bar shows what is unpacked, transferred and neither", () => {
  const progress = after(
    resolving,
    resolved(3),
    layer(0, LayerState.UNPACKING, 750_000n, 250_000n),
    layer(2, LayerState.EXISTS),
  );
  deepEqual(drawProgress(progress, style), [
    `docker.io/library/x:1@${shown(255)}`,
    `  ${shown(0)}  unpacking    ${"#".repeat(10)}${"=".repeat(20)}${".".repeat(10)}  750kB of 1MB`,
    `  ${shown(1)}  waiting      ${".".repeat(40)}  0B of 1MB`,
    `  ${shown(2)}  exists       1MB`,
  ]);
});

test("no line is wider than the terminal, and no picture higher", () => {
  for (const width of [1, 10, 20, 40, 60, 80, 200]) {
    for (const height of [1, 2, 5, 24]) {
      const progress = after(
        resolving,
        resolved(120),
        layer(77, LayerState.DOWNLOADING, 5n),
        layer(3, LayerState.DONE),
      );
      const lines = drawProgress(progress, { width, height, unicode: true });
      ok(lines.length < Math.max(height, 4), `${lines.length} lines in ${height} rows`);
      for (const line of lines) ok(line.length < Math.max(2, width), line);
    }
  }
});

test("of more layers than rows those under way are shown, and the others counted", () => {
  const progress = after(resolved(120), layer(77, LayerState.DOWNLOADING, 5n), layer(3, LayerState.DONE));
  const lines = drawProgress(progress, { ...style, height: 6 });
  equal(lines.length, 5);
  ok(lines[3]?.includes(shown(77)));
  equal(lines[4], "  117 more; 1 of 120 layers are done");
});

test("plain lines tell each change of state once", () => {
  const events = [
    resolving,
    resolved(2),
    layer(0, LayerState.WAITING),
    layer(0, LayerState.DOWNLOADING),
    layer(0, LayerState.DOWNLOADING, 500_000n),
    layer(1, LayerState.EXISTS),
    layer(0, LayerState.DONE, 1_000_000n, 1_000_000n),
  ];
  const lines: string[] = [];
  let progress = noProgress;
  for (const event of events) {
    const next = advance(progress, event);
    lines.push(...plainLines(progress, next));
    progress = next;
  }
  deepEqual(lines, [
    "docker.io/library/x:1: resolving",
    `docker.io/library/x:1: resolved to ${digits(255)}, 2 layers`,
    `${shown(0)}: downloading`,
    `${shown(1)}: exists`,
    `${shown(0)}: done`,
  ]);
});

function openOutput(isTTY: boolean): {
  isTTY: boolean;
  columns: number;
  rows: number;
  text: string;
  write(text: string): void;
} {
  return {
    isTTY,
    columns: 80,
    rows: 24,
    text: "",
    write(text): void {
      this.text += text;
    },
  };
}

test("a terminal gets pictures, anything else lines without control characters, quiet nothing", () => {
  for (const [isTTY, term, quiet] of [
    [true, "xterm", false],
    [true, "dumb", false],
    [false, "xterm", false],
    [true, "xterm", true],
  ] as const) {
    const output = openOutput(isTTY);
    {
      using view = openProgressView(quiet, output, { TERM: term, LANG: "C.UTF-8" });
      view.show(resolving);
      view.show(resolved(1));
      view.show(layer(0, LayerState.DONE));
    }
    equal(output.text.includes("\u001b"), isTTY && term !== "dumb" && !quiet);
    equal(output.text === "", quiet);
    if (!quiet) ok(output.text.includes(shown(0)));
  }
});

test("what a registry says cannot reach the terminal as a command", () => {
  const output = openOutput(true);
  {
    using view = openProgressView(false, output, { TERM: "xterm" });
    view.show(eventOf({ case: "resolving", value: { reference: "x\u001b]0;owned\u0007\u009b2J\n" } }));
  }
  ok(!output.text.includes("\u001b]"));
  ok(!output.text.includes("\u009b"));
  equal(output.text.split("\n").length, 2);
});
