import { formatBytes } from "../format-size.ts";
import { shortId } from "../short-id.ts";
import { isFinished, type LayerProgress, type PullProgress, stateName } from "./pull-progress.ts";

/** How progress is drawn. */
export interface ProgressStyle {
  /** Columns and rows of the terminal. */
  readonly width: number;
  readonly height: number;
  /** Whether block characters can be shown. */
  readonly unicode: boolean;
}

const widestBar = 40;
const narrowestBar = 8;

/** Unpacked, transferred but not unpacked, neither. */
const blocks = { unicode: ["█", "▒", "░"], ascii: ["#", "=", "."] } as const;

/**
 * Draws a pull as lines that fit the terminal: a heading, then a line for each layer with its bar. Where there are more
 * layers than rows, those that something happens to are shown, and the rest is summed up.
 */
export function drawProgress(progress: PullProgress, style: ProgressStyle): readonly string[] {
  const { reference, digest, layers } = progress;
  if (reference === "") return [];
  const heading = digest === "" ? `${reference}: resolving` : `${reference}@${shortId(digest)}`;
  // One row is the heading's, one that of the sum, one stays free for the cursor.
  const room = Math.max(1, style.height - 3);
  const shown = layers.length <= room + 1 ? layers : choose(layers, room);
  const lines = [heading, ...shown.map((layer) => drawLayer(layer, style))];
  if (shown.length < layers.length) lines.push(`  ${sum(layers, shown)}`);
  return lines.map((line) => line.slice(0, Math.max(1, style.width - 1)));
}

/** Those under way first, then those that wait; each in the order of the image. */
function choose(layers: readonly LayerProgress[], room: number): readonly LayerProgress[] {
  const rank = (layer: LayerProgress): number => {
    if (isFinished(layer)) return 2;
    return layer.downloaded > 0 || layer.unpacked > 0 ? 0 : 1;
  };
  const chosen = new Set(layers.toSorted((a, b) => rank(a) - rank(b)).slice(0, room));
  return layers.filter((layer) => chosen.has(layer));
}

function sum(layers: readonly LayerProgress[], shown: readonly LayerProgress[]): string {
  const finished = layers.filter(isFinished).length;
  return `${layers.length - shown.length} more; ${finished} of ${layers.length} layers are done`;
}

function drawLayer(layer: LayerProgress, { width, unicode }: ProgressStyle): string {
  const { digest, state, downloaded, unpacked, size } = layer;
  const name = `  ${shortId(digest)}  ${stateName(state).padEnd("downloading".length)}`;
  if (isFinished(layer)) return `${name}  ${formatBytes(size)}`;
  const figures = `${formatBytes(downloaded)} of ${formatBytes(size)}`;
  const barWidth = Math.min(widestBar, width - name.length - figures.length - 6);
  if (barWidth < narrowestBar) return `${name}  ${figures}`;
  const [done, there, open] = unicode ? blocks.unicode : blocks.ascii;
  const cells = (bytes: number): number => (size > 0 ? Math.min(barWidth, Math.floor((bytes / size) * barWidth)) : 0);
  const doneCells = cells(unpacked);
  const thereCells = Math.max(0, cells(downloaded) - doneCells);
  const bar = done.repeat(doneCells) + there.repeat(thereCells) + open.repeat(barWidth - doneCells - thereCells);
  return `${name}  ${bar}  ${figures}`;
}
