import { Effect } from "effect"
import { createServer, type Server } from "node:net"

/** Something that listens on a loopback port until the scope ends. */
export const listening = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<Server, Error>((resume) => {
      const server = createServer()
      server.on("error", (error) => resume(Effect.fail(error)))
      server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close()),
  )
