import { Clock, Context, Duration, Effect, FiberSet, Layer, Option, Redacted } from "effect"
import { timingSafeEqual } from "node:crypto"
import type { IncomingHttpHeaders } from "node:http"
import { Heartbeats } from "../../../commands/Heartbeats.ts"
import { Tokens } from "../../../commands/Tokens.ts"
import { Settings } from "../../../config.ts"
import { Fleet } from "../../../projections/Fleet.ts"
import { Roster, type RosterMember } from "../../../projections/Roster.ts"
import type { Caller, CallerRefusal, LimitRefusal } from "../../../gateway/metering/Caller.ts"
import { labelsIn, tokensIn } from "./callerHeaders.ts"
import { GatewayNodes } from "../../../gateway/routing/GatewayNodes.ts"
import { MemberLimits } from "../../../gateway/metering/MemberLimits.ts"
import { Spending } from "../../../gateway/metering/Spending.ts"
import { TokenHashes } from "../../../gateway/metering/TokenHashes.ts"

/** The members that may ask this gateway, and how much. Both questions are answered at once, from memory. */
export class Callers extends Context.Service<
  Callers,
  {
    readonly admit: (headers: IncomingHttpHeaders) => Caller | CallerRefusal
    /** Takes one of the member's requests a minute; asked once, just before the request goes on its way. */
    readonly allow: (caller: Caller) => LimitRefusal | undefined
  }
>()("crewlog/adapters/llm/Callers") {
  static readonly layer = Layer.effect(
    Callers,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const { allowanceOf, options } = yield* Fleet
      const { count } = yield* GatewayNodes
      const { gatewayToken } = yield* Settings
      const roster = yield* Roster
      const spending = yield* Spending
      const tokens = yield* Tokens
      const now = () => clock.currentTimeMillisUnsafe()
      const seen = yield* signsOfLife(now)
      const hashes = new TokenHashes(tokens.hash)
      const shared = Option.map(gatewayToken, (token) => Buffer.from(tokens.hash(Redacted.value(token))))
      const limits = new MemberLimits({ allowanceOf, options, spending, nodes: count, now })

      /** The first that is somebody's, or the one that many share. */
      const firstKnown = (sent: ReadonlyArray<string>) => {
        for (const token of sent) {
          const hash = hashes.of(token)
          // Found by 256 bits that nobody can choose: there is nothing left to compare in constant time.
          const member = roster.byToken(hash)
          if (member !== undefined || isShared(shared, hash)) return { token, hash, member }
        }
        return undefined
      }

      return Callers.of({
        admit: (headers) => {
          const sent = tokensIn(headers)
          if (sent.length === 0) return { kind: "no_token" }
          const holder = firstKnown(sent)
          if (holder === undefined) return { kind: "unknown_token" }
          const { hash, member, token } = holder
          if (member?.is_enabled === false) return { kind: "member_disabled" }
          hashes.keep(token, hash)
          const labels = labelsIn(headers)
          if ("kind" in labels) return labels
          if (member !== undefined) seen(member)
          return { kind: "caller", member, ...labels }
        },
        allow: ({ member }) => (member === undefined ? undefined : limits.take(member)),
      })
    }),
  )
}

const isShared = (shared: Option.Option<Buffer>, hash: string) =>
  Option.isSome(shared) && timingSafeEqual(shared.value, Buffer.from(hash))

const CALLS_EVERY = Duration.toMillis("10 seconds")

/** A member's call is a sign of life: told in the background, and not for every call. */
const signsOfLife = Effect.fnUntraced(function* (now: () => number) {
  const { presenceTimeout } = yield* Settings
  const heartbeats = yield* Heartbeats
  const run = yield* FiberSet.makeRuntime()
  const every = Math.min(CALLS_EVERY, Duration.toMillis(presenceTimeout) / 4)
  const told = new Map<string, number>()
  return (member: RosterMember) => {
    const at = now()
    if (at - (told.get(member.id) ?? Number.NEGATIVE_INFINITY) < every) return
    told.set(member.id, at)
    run(heartbeats.seen(member))
  }
})
