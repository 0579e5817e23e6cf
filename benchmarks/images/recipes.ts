/** What one layer holds; from the same recipe come the same bytes. */
export interface LayerRecipe {
  /** Content and names of files follow from it. */
  readonly seed: number;
  readonly directories: number;
  readonly files: number;
  /** Of all files together, uncompressed. */
  readonly bytes: number;
  /** Bytes that each file has at least. Default 0. */
  readonly smallest?: number;
  /** 1: sizes are spread evenly from the smallest to twice the mean. More: many small files, few large ones, as in real images. */
  readonly skew: number;
  readonly symlinks?: number;
  readonly hardLinks?: number;
}

/** An image of the benchmark. */
export interface ImageRecipe {
  readonly name: string;
  /** For the reader of the report. */
  readonly shape: string;
  /** Samples for each one that was asked for: short pulls vary more, and cost less. Default 1. */
  readonly repeats?: number;
  readonly layers: readonly LayerRecipe[];
}

const megabyte = 1_000_000;

/** The images whose pulls are promised to be quick; content compresses with gzip to about 0.4, as that of distributions does. */
export const imageRecipes: readonly ImageRecipe[] = [
  {
    name: "small",
    shape: "1 layer of 1.5 MB, as busybox",
    repeats: 4,
    layers: [{ seed: 1, directories: 12, files: 20, bytes: 3.8 * megabyte, skew: 6, symlinks: 20, hardLinks: 380 }],
  },
  {
    name: "ten",
    shape: "10 layers of 20 MB",
    layers: Array.from({ length: 10 }, (_, index) => ({
      seed: 100 + index,
      directories: 60,
      files: 500,
      bytes: 50 * megabyte,
      skew: 6,
      symlinks: 50,
    })),
  },
  {
    name: "big",
    shape: "1 layer of 500 MB, uncompressed",
    layers: [{ seed: 200, directories: 40, files: 250, bytes: 500 * megabyte, smallest: megabyte / 10, skew: 9 }],
  },
  {
    name: "many",
    shape: "60,000 files of 0 to 16 KiB",
    layers: [{ seed: 300, directories: 3_000, files: 60_000, bytes: 60_000 * 8_192, skew: 1 }],
  },
];
