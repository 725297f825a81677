import { Effect } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { type HttpApi, type HttpApiGroup, HttpApiScalar } from "effect/http-api"

const script = "application/javascript; charset=utf-8"
/** Nothing from elsewhere, nothing inline but styles, which the page's own library sets. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ")

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Crewlog</title>
  </head>
  <body>
    <div id="api-reference-container"></div>
    <noscript>The document behind this page is <a href="/openapi.json">/openapi.json</a>.</noscript>
    <script src="/docs/library.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`

/**
 * Scalar comes bundled with Effect, but only inside a page with inline scripts, which our pages
 * don't have. So its page is made once, when someone asks, and taken apart.
 */
const scriptsOf = <Id extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<Id, Groups>,
) =>
  Effect.gen(function* () {
    const scalar = HttpApiScalar.layer(api, { path: "/docs", scalar: { withDefaultFonts: false } })
    const app = yield* HttpRouter.toHttpEffect(scalar)
    const request = HttpServerRequest.fromWeb(new Request("http://localhost/docs"))
    const response = yield* app.pipe(Effect.provideService(HttpServerRequest.HttpServerRequest, request))
    const html = yield* Effect.promise(() => HttpServerResponse.toWeb(response).text())
    const [library = "", start = ""] = [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(
      ([, code]) => code,
    )
    return { library, start }
  }).pipe(Effect.scoped, Effect.orDie)

/** The page of an interface at `/docs`: works without the internet and under a policy without inline scripts. */
export const docsOf = <Id extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<Id, Groups>,
) => ({
  /** The paths that are there beside the interface itself. */
  paths: ["/openapi.json", "/docs"],
  layer: HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const made = yield* Effect.cached(scriptsOf(api))
      const served = (name: "library" | "start") =>
        Effect.map(made, (all) =>
          HttpServerResponse.text(all[name], {
            contentType: script,
            headers: { "cache-control": "max-age=3600" },
          }),
        )
      yield* router.add(
        "GET",
        "/docs",
        HttpServerResponse.text(page, {
          contentType: "text/html; charset=utf-8",
          headers: { "content-security-policy": policy },
        }),
      )
      yield* router.add("GET", "/docs/library.js", served("library"))
      yield* router.add("GET", "/docs/start.js", served("start"))
    }),
  ),
})
