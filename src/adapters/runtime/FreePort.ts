import { Effect } from "effect"
import { createServer } from "node:net"

/** A loopback port nothing listens on now. Another program may take it before it is used. */
export const freePort: Effect.Effect<number, Error> = Effect.callback((resume) => {
  const probe = createServer()
  probe.on("error", (error) => resume(Effect.fail(error)))
  probe.listen(0, "127.0.0.1", () => {
    const address = probe.address()
    const port = address !== null && typeof address === "object" ? address.port : 0
    probe.close(() => resume(Effect.succeed(port)))
  })
})
