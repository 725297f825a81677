import { Context, Effect, Layer } from "effect"
import { HttpServerRequest } from "effect/http"
import { isIP } from "node:net"
import { Settings } from "../../../config.ts"
import { ForeignPage } from "../../../operations/EdgeRefusal.ts"
import { problem } from "../problems.ts"
import { PageGate } from "./GatewayApi.ts"

const bare = (hostname: string) => (hostname.startsWith("[") ? hostname.slice(1, -1) : hostname)

type From = Readonly<Partial<Record<"host" | "origin", string | undefined>>>

/**
 * True if a request may come from where it says (security.md). A name that an attacker points at us makes his
 * page of one origin with us, so names must be known; an address can't be pointed anywhere.
 */
export const pageCheck = (own: string, allowed: ReadonlyArray<string>) => {
  const names = new Set(["localhost", own.toLowerCase(), ...allowed.map((one) => new URL(one).hostname)])
  const origins = new Set(allowed)
  const isOurs = (host: string) => {
    if (!URL.canParse(`http://${host}`)) return false
    const { hostname } = new URL(`http://${host}`)
    return names.has(hostname) || isIP(bare(hostname)) !== 0
  }
  const isOf = (origin: string, host: string) =>
    URL.canParse(origin) && new URL(origin).host === new URL(`http://${host}`).host
  return ({ host, origin }: From) =>
    host !== undefined && isOurs(host) && (origin === undefined || origins.has(origin) || isOf(origin, host))
}

export const PageGateLayer = Layer.effect(
  PageGate,
  Effect.map(Settings, ({ allowedOrigins, host }) => {
    const mayCome = pageCheck(host, allowedOrigins)
    return PageGate.of((route) =>
      Effect.withFiber(({ context }) => {
        const { headers } = Context.getUnsafe(context, HttpServerRequest.HttpServerRequest)
        const { host, origin } = headers
        return mayCome({ host, origin }) ? route : Effect.succeed(problem(new ForeignPage()))
      }),
    )
  }),
)
