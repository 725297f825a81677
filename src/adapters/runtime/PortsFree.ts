import { Effect, Layer, Option, Schema } from "effect"
import { existsSync } from "node:fs"
import { createServer } from "node:net"
import { join, resolve } from "node:path"
import { SettingInvalid, Settings } from "../../config.ts"
import { listenFailure } from "../http/Door.ts"
import { lockHolder } from "./FolderLock.ts"

/** Some of the ports can't be listened on: all of them at once, each with the setting to change. */
class PortsTaken extends Schema.TaggedError<PortsTaken>()("PortsTaken", {
  refusals: Schema.NonEmptyArray(SettingInvalid),
}) {
  override get message() {
    return this.refusals.map(({ message }) => message).join("; and ")
  }
}

interface Wanted {
  readonly setting: string
  readonly port: number
}

/** The fixed ports that a node with these settings listens on. */
const wantedBy = (settings: Settings["Service"]): ReadonlyArray<Wanted> => {
  const { dataFolder, gatewayPort, metricsPort, natsPort, natsUrl, port, roles } = settings
  // A server that a killed run left behind on this folder may hold the port still; it is ended later.
  const isFirst = !existsSync(join(resolve(dataFolder), "nats"))
  return [
    ...(roles.has("http") ? [{ setting: "CREWLOG_PORT", port }] : []),
    ...(roles.has("gateway")
      ? [
          { setting: "CREWLOG_GATEWAY_PORT", port: gatewayPort },
          { setting: "CREWLOG_METRICS_PORT", port: metricsPort },
        ]
      : []),
    ...(Option.isNone(natsUrl) && isFirst ? [{ setting: "CREWLOG_NATS_PORT", port: natsPort }] : []),
  ].filter((one) => one.port !== 0)
}

/** Two doors of our own that want the same port. */
const doubles = (wanted: ReadonlyArray<Wanted>): ReadonlyArray<SettingInvalid> =>
  wanted.flatMap(({ port, setting }, index) => {
    const other = wanted.slice(0, index).find((one) => one.port === port)
    if (other === undefined) return []
    return [
      new SettingInvalid({
        setting,
        given: String(port),
        expected: `another port than ${other.setting} (0 takes a free one)`,
      }),
    ]
  })

/** Listens on a port for a moment; gives the refusal where that can't be done. */
const refusalOf = (host: string, { port, setting }: Wanted): Effect.Effect<ReadonlyArray<SettingInvalid>> =>
  Effect.callback((resume) => {
    const probe = createServer()
    probe.on("error", (error: NodeJS.ErrnoException) =>
      resume(Effect.succeed([listenFailure({ host, port, setting }, error)])),
    )
    probe.listen(port, host, () => probe.close(() => resume(Effect.succeed([]))))
  })

/**
 * Looks at every port before anything is made. A data folder that another program uses is told by its lock: that
 * program's ports would only be the consequence.
 */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const settings = yield* Settings
    if (lockHolder(join(resolve(settings.dataFolder), "lock")) !== undefined) return
    const wanted = wantedBy(settings)
    const probed = yield* Effect.forEach(wanted, (one) => refusalOf(settings.host, one))
    const refusals = [...doubles(wanted), ...probed.flat()]
    const different = refusals.filter(
      (one, index) => refusals.findIndex(({ message }) => message === one.message) === index,
    )
    const [first, ...others] = different
    if (first !== undefined) return yield* new PortsTaken({ refusals: [first, ...others] })
  }),
)
