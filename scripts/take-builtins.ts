/** An import of a module of Node, as esbuild prints it. */
const builtinImport =
  /^import (?:(?<whole>[\w$]+)(?:, )?)?(?:\* as (?<all>[\w$]+))?(?:\{(?<names>[^}]+)\})? from "(?<module>(?:node:)?[\w/]+)";$/gm;

/**
 * Takes the modules of Node that an ES module of esbuild's imports by `process.getBuiltinModule`. For an import Node reads each property of
 * the module once, and some load what nobody asked for: `WebSocket` of node:http loads undici, `ReadStream` of node:fs all streams. Throws
 * for a name that the module does not have, as an import would.
 */
export function takeBuiltins(code: string): string {
  return code.replaceAll(builtinImport, (statement, ...match) => {
    const { whole, all, names, module = "" } = match.at(-1) as Readonly<Record<string, string | undefined>>;
    const found = process.getBuiltinModule(module) as Readonly<Record<string, unknown>> | undefined;
    if (!found) return statement;
    const bindings = (names ?? "")
      .split(",")
      .flatMap((one) => (one.trim() === "" ? [] : [bindingOf(one, module, found)]));
    const targets = [
      ...[whole, all].filter((name) => name !== undefined),
      ...(bindings.length > 0 ? [`{ ${bindings.join(", ")} }`] : []),
    ];
    return targets.map((target) => `const ${target} = globalThis.process.getBuiltinModule("${module}");`).join(" ");
  });
}

/** `name as local`, as a pattern has it. */
function bindingOf(specifier: string, module: string, found: Readonly<Record<string, unknown>>): string {
  const [name = "", local = name] = specifier.trim().split(" as ");
  if (!(name in found)) throw new Error(`module "${module}" has no "${name}"`);
  return local === name ? name : `${name}: ${local}`;
}
