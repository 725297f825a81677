import { HttpRouter, HttpServerResponse } from "effect/http"

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Crewlog</title>
  </head>
  <body>
    <h1>Crewlog</h1>
    <ul>
      <li><a href="/docs">Documentation of REST</a>, and its document <a href="/openapi.json">/openapi.json</a></li>
      <li><a href="/asyncapi.json">/asyncapi.json</a>: WebSocket, and agents on NATS</li>
      <li><a href="/readyz?verbose">/readyz?verbose</a>: is everything there that is needed</li>
    </ul>
  </body>
</html>
`

/** The page at `/`, for who opens the address in a browser: nothing but links, under the policy of every answer. */
export const front = {
  /** The paths beside the interface itself. */
  paths: ["/"],
  layer: HttpRouter.add(
    "GET",
    "/",
    HttpServerResponse.text(page, { contentType: "text/html; charset=utf-8" }),
  ),
}
