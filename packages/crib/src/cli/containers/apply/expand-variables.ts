/**
 * Replaces `$(NAME)` by values, as Kubernetes does in commands, arguments and environment: `$$` is a dollar sign, and what has no
 * value stays as it is.
 */
export function expandVariables(text: string, values: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$(\$|\(([^()]*)\))/g, (whole, what: string, name: string | undefined) =>
    what === "$" ? "$" : (values.get(name ?? "") ?? whole),
  );
}
