import { Code } from "@crib/errdefs";

import type { Fault } from "../exchange.ts";
import { redirect, redirectTo, serveWith, status } from "../faults.ts";
import { type FaultScript, layerPath, type Stage } from "./fault-script.ts";

/** The user that pulls of these scripts are to be made as. */
export const scriptCredentials = { username: "puller", password: "correct-horse-battery" } as const;

const json = { "content-type": "application/json" };

function withToken(name: string, ends: FaultScript["ends"], fault: Fault, times?: number): FaultScript {
  return {
    name: `token: ${name}`,
    ends,
    prepare: ({ registry }) => {
      registry.requireAuth({ kind: "bearer", ...scriptCredentials });
      registry.script({ path: "/token", ...(times !== undefined && { times }) }, fault);
    },
  };
}

function withRealm(name: string, ends: FaultScript["ends"], realmOf: (stage: Stage) => string): FaultScript {
  return {
    name: `realm: ${name}`,
    ends,
    prepare: (stage) => stage.registry.requireAuth({ kind: "bearer", realm: realmOf(stage), ...scriptCredentials }),
  };
}

function onLayer(name: string, ends: FaultScript["ends"], faultOf: (stage: Stage) => Fault): FaultScript {
  return {
    name: `redirect: ${name}`,
    ends,
    prepare: (stage) => {
      const { registry } = stage;
      registry.requireAuth({ kind: "bearer", ...scriptCredentials });
      registry.script({ path: layerPath(stage) }, faultOf(stage));
    },
  };
}

const chainOf = (length: number): ((stage: Stage) => Fault) => {
  return ({ registry }) =>
    async (exchange) => {
      const step = Number(exchange.request.query.get("step") ?? "0");
      if (step === length) await serveWith({})(exchange);
      else await redirect(`${registry.origin}${exchange.request.path}?step=${step + 1}`)(exchange);
    };
};

/** Tokens, token servers and redirects. */
export const authScripts: readonly FaultScript[] = [
  {
    name: "token: all is well",
    ends: "pulled",
    prepare: ({ registry }) => registry.requireAuth({ kind: "bearer", ...scriptCredentials }),
  },
  {
    name: "basic: all is well",
    ends: "pulled",
    prepare: ({ registry }) => registry.requireAuth({ kind: "basic", ...scriptCredentials }),
  },
  {
    name: "basic: wrong password",
    ends: Code.Unauthenticated,
    prepare: ({ registry }) =>
      registry.requireAuth({ kind: "basic", username: scriptCredentials.username, password: "other" }),
  },
  {
    name: "token: expires in mid layer",
    ends: "pulled",
    prepare: (stage) => {
      stage.registry.requireAuth({ kind: "bearer", ...scriptCredentials });
      stage.registry.script({ path: layerPath(stage), times: 1 }, async (exchange) => {
        stage.registry.expireTokens();
        await serveWith({ stopAfter: 100 })(exchange);
      });
    },
  },
  {
    name: "token: is never good enough",
    ends: Code.Unauthenticated,
    prepare: ({ registry }) => {
      registry.requireAuth({ kind: "bearer", ...scriptCredentials });
      const realm = `Bearer realm="${registry.origin}/token",service="x"`;
      registry.script({ path: "/v2/" }, status(401, { "www-authenticate": realm }));
    },
  },
  {
    name: "401 without saying how",
    ends: Code.Unauthenticated,
    prepare: ({ registry }) => void registry.script({ path: "/v2/" }, status(401)),
  },
  withToken("server is down twice", "pulled", status(503), 2),
  withToken("server says no", Code.Unauthenticated, status(401)),
  withToken("1 MiB", Code.ResourceExhausted, status(200, json, JSON.stringify({ token: "x".repeat(1 << 20) }))),
  withToken("no JSON", Code.InvalidArgument, status(200, json, "token")),
  withToken("none in the answer", Code.InvalidArgument, status(200, json, '{"token": "", "expires_in": "soon"}')),
  withToken("a line feed in it", Code.InvalidArgument, status(200, json, '{"token": "a\\nx-evil: 1"}')),
  withRealm("plain http on another host", Code.InvalidArgument, () => "http://localhost.example/token"),
  withRealm("with a user in it", Code.InvalidArgument, ({ registry }) => `http://user:password@${registry.host}/token`),
  withRealm("no URL", Code.InvalidArgument, () => "token"),
  withRealm("a file", Code.InvalidArgument, () => "file:///etc/passwd"),
  onLayer("to another origin", "pulled", ({ other }) => redirectTo(other.origin)),
  onLayer("to another origin that answers 403 once", "pulled", ({ other, image }) => {
    other.script({ path: image.layers[0]?.digest ?? "", times: 1 }, status(403));
    return redirectTo(other.origin);
  }),
  onLayer("to another origin that asks for credentials", Code.Unauthenticated, ({ other, image }) => {
    const basic = { "www-authenticate": 'Basic realm="give me yours"' };
    other.script({ path: image.layers[0]?.digest ?? "" }, status(401, basic));
    return redirectTo(other.origin);
  }),
  onLayer("to another registry, where everybody gets a token", "pulled", ({ other }) => {
    other.requireAuth({ kind: "bearer" });
    return redirectTo(other.origin);
  }),
  onLayer("to another registry, where not everybody gets a token", Code.Unauthenticated, ({ other }) => {
    other.requireAuth({ kind: "bearer", ...scriptCredentials });
    return redirectTo(other.origin);
  }),
  onLayer("five in a row", "pulled", chainOf(5)),
  onLayer("six in a row", Code.InvalidArgument, chainOf(6)),
  onLayer("to itself", Code.InvalidArgument, ({ registry }) => redirectTo(registry.origin)),
  onLayer("to a file", Code.InvalidArgument, () => redirect("file:///etc/shadow")),
  onLayer("to a URL with a user", Code.InvalidArgument, ({ other }) =>
    redirect(`http://user:password@${other.host}/x`),
  ),
  onLayer("to nowhere", Code.InvalidArgument, () => status(307)),
];
