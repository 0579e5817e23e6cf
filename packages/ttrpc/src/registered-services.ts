import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";

import type { HandlerContext, ServiceHandlers } from "./types.ts";

/** A handler whose types were checked where it was given. */
type AnyHandler = (input: unknown, context: HandlerContext) => unknown;

/** A method that can be called. */
export interface RegisteredMethod {
  readonly method: DescMethod;
  readonly handler: AnyHandler;
}

/** Services by the names that travel on the wire. */
export class RegisteredServices {
  readonly #services = new Map<string, ReadonlyMap<string, RegisteredMethod>>();

  /** Adds a service; a second one of the same name fails with `AlreadyExists`. */
  add<S extends DescService>(service: S, handlers: ServiceHandlers<S>): void {
    if (this.#services.has(service.typeName)) {
      throw new StatusError(Code.AlreadyExists, `adding service "${service.typeName}": it is served already`);
    }
    const byLocalName = handlers as Readonly<Record<string, AnyHandler | undefined>>;
    const methods = new Map<string, RegisteredMethod>();
    for (const method of service.methods) {
      // Bound, so that an object with state can be the implementation.
      const handler = byLocalName[method.localName]?.bind(handlers);
      if (handler !== undefined) methods.set(method.name, { method, handler });
    }
    this.#services.set(service.typeName, methods);
  }

  /** Finds a method by its wire names, or throws `Unimplemented`. */
  get(service: string, method: string): RegisteredMethod {
    const methods = this.#services.get(service);
    if (methods === undefined) throw new StatusError(Code.Unimplemented, `service "${service}" is not served here`);
    const registered = methods.get(method);
    if (registered !== undefined) return registered;
    throw new StatusError(Code.Unimplemented, `service "${service}" has no method "${method}" here`);
  }
}
