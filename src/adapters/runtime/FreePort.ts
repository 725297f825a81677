import { Effect, Schema } from "effect"
import { createServer } from "node:net"

/**
 * The first port, below those that systems give to outgoing connections: one of those would keep a server
 * from coming back.
 */
const FIRST = 12_000
const COUNT = 20_000
/**
 * The distance between two processes' first ports, more than one asks for. Processes that run together have
 * pids that are close.
 */
const EACH = 50

export class NoFreePort extends Schema.TaggedError<NoFreePort>()("NoFreePort", { message: Schema.String }) {}

let given = 0

const next = () => FIRST + ((process.pid * EACH + given++) % COUNT)

/** True where nothing listens on the port now. */
export const isFree = (port: number, host: string): Effect.Effect<boolean, NoFreePort> =>
  Effect.callback((resume) => {
    const probe = createServer()
    probe.on("error", (error: NodeJS.ErrnoException) =>
      resume(
        error.code === "EADDRINUSE"
          ? Effect.succeed(false)
          : Effect.fail(new NoFreePort({ message: error.message })),
      ),
    )
    probe.listen(port, host, () => probe.close(() => resume(Effect.succeed(true))))
  })

/** A port of an address that nothing listens on now, another one each time. Another program may take it before it is used. */
export const freePortAt = Effect.fnUntraced(function* (host: string) {
  for (let tries = 0; tries < COUNT; tries++) {
    const port = next()
    if (yield* isFree(port, host)) return port
  }
  return yield* new NoFreePort({ message: `all of ${FIRST} to ${FIRST + COUNT - 1} are taken` })
})

/** The same on the loopback address. */
export const freePort: Effect.Effect<number, NoFreePort> = freePortAt("127.0.0.1")
