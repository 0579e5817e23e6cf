/** A path as a value in the options of an overlay: a comma would end the option, a colon the layer. */
export function escapeOverlayPath(path: string): string {
  return path.replaceAll(/[\\,:]/g, (special) => `\\${special}`);
}

/**
 * The options of an overlay as mount(8) has them, one by one, in the order in which containerd hands them to shims. `lower` is
 * nearest first.
 */
export function overlayOptions(
  layers: {
    readonly lower: readonly string[];
    readonly upper?: { readonly dir: string; readonly work: string } | undefined;
  },
  options: Readonly<Record<string, string | true>> = {},
): readonly string[] {
  const { lower, upper } = layers;
  const writable =
    upper === undefined ? [] : [`workdir=${escapeOverlayPath(upper.work)}`, `upperdir=${escapeOverlayPath(upper.dir)}`];
  return [
    ...Object.entries(options).map(([name, value]) => (value === true ? name : `${name}=${value}`)),
    ...writable,
    `lowerdir=${lower.map(escapeOverlayPath).join(":")}`,
  ];
}
