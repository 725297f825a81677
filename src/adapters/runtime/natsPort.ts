import { Effect, Schedule } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { freePortAt, isFree } from "./FreePort.ts"
import { ServerFailed } from "./ServerFailed.ts"

const failed = (message: string) => new ServerFailed({ server: "nats-server", message })

const noPort = (host: string) => (error: { readonly message: string }) =>
  failed(`no free port on ${host}: ${error.message}`)

/** The server of a program that was killed may take a moment to let go of its port. */
const soonFree = (port: number, host: string) =>
  isFree(port, host).pipe(
    Effect.repeat({
      schedule: Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: "2 seconds" })),
      until: (free) => free,
    }),
    Effect.mapError(noPort(host)),
  )

const rememberedIn = (file: string): number | undefined => {
  try {
    const port = Number(readFileSync(file, "utf8"))
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined
  } catch {
    return undefined
  }
}

/** Fails, by the name of the setting, where another program listens on the port that was set. */
export const wantedPortFree = Effect.fn("wantedPortFree")(function* (port: number, host: string) {
  if (port === 0 || (yield* soonFree(port, host))) return
  return yield* failed(
    `CREWLOG_NATS_PORT is "${port}", but should be a port that is free: another program listens on this one ` +
      "(0 takes a free one)",
  )
})

/**
 * The port of the nats-server in this folder: as wanted, or with 0 the one that it had at its last start, so that
 * agents find it again; where another program has that by now, a free one.
 */
export const natsPortIn = Effect.fn("natsPortIn")(function* (folder: string, host: string, wanted: number) {
  const file = join(folder, "port")
  if (wanted !== 0) return wanted
  const before = rememberedIn(file)
  if (before !== undefined && (yield* soonFree(before, host))) return before
  const port = yield* freePortAt(host).pipe(Effect.mapError(noPort(host)))
  if (before !== undefined) {
    yield* Effect.logWarning(
      `nats-server: another program listens on port ${before}; agents find this one on ${port} now`,
    )
  }
  yield* Effect.try({
    try: () => writeFileSync(file, `${port}\n`, { mode: 0o600, flush: true }),
    catch: (cause) => failed(`${file} can't be written: ${cause instanceof Error ? cause.message : cause}`),
  })
  return port
})
