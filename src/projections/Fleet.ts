import { Context, Deferred, Effect, Layer, Schema } from "effect"
import { Settings } from "../config.ts"
import { Allowance, type AllowanceState } from "../domain/Allowance.ts"
import { Backend, type KnownBackend } from "../domain/Backend.ts"
import {
  Gateway,
  gatewayDefaults,
  GatewayOption,
  GatewayOptions,
  type GatewayState,
} from "../domain/Gateway.ts"
import { followStates } from "./followStates.ts"

export type SetAllowance = Extract<AllowanceState, { readonly _tag: "Known" }>

/**
 * All that the gateway goes by, on every node, in memory and straight from the log: a cooldown that one node
 * observed holds on all of them a moment after its record, and after a restart it is as it was before.
 */
export class Fleet extends Context.Service<
  Fleet,
  {
    /** The backends by id, without those that were removed. */
    readonly backends: () => ReadonlyMap<string, KnownBackend>
    /** The position of the newest record that is known here: of a backend, the gateway, or a member's allowance. */
    readonly versionOf: (id: string) => number
    /** Each option as the environment has it, else as an operator set it, else its default. */
    readonly options: () => GatewayOptions
    /** The options that operators have set. */
    readonly stored: () => Partial<GatewayOptions>
    readonly isEmergency: () => boolean
    /** The allowance of a member, by the member's id. */
    readonly allowanceOf: (member: string) => SetAllowance | undefined
    /** Calls a listener after every change, until the listening is undone. */
    readonly onChange: (listener: () => void) => () => void
    /** Waits until the record of this aggregate at this position is known here. */
    readonly caughtUp: (id: string, seq: number) => Effect.Effect<void>
  }
>()("crewlog/projections/Fleet") {
  static readonly layer = Layer.effect(
    Fleet,
    Effect.gen(function* () {
      const { gatewayOptions } = yield* Settings
      const backends = new Map<string, KnownBackend>()
      const allowances = new Map<string, SetAllowance>()
      let gateway: GatewayState = Gateway.initial
      let stored: Partial<GatewayOptions> = {}
      let options: GatewayOptions = { ...gatewayDefaults, ...gatewayOptions }
      // The ids of the three types never meet: `bkd_...`, `gateway`, and members'.
      const positions = new Map<string, number>()
      const listeners = new Set<() => void>()
      const waiting = new Set<{
        readonly id: string
        readonly seq: number
        readonly done: Deferred.Deferred<void>
      }>()

      const arrived = Effect.fnUntraced(function* (id: string, seq: number) {
        positions.set(id, seq)
        for (const listener of listeners) {
          yield* Effect.sync(listener).pipe(
            Effect.catchCause((cause) => Effect.logError("a listener of the fleet failed", cause)),
          )
        }
        for (const waiter of waiting) {
          if (waiter.id === id && waiter.seq <= seq) yield* Deferred.succeed(waiter.done, undefined)
        }
      })

      yield* followStates(Backend, (id, seq, state) => {
        if (state._tag === "Known") backends.set(id, state)
        else backends.delete(id)
        return arrived(id, seq)
      })
      yield* followStates(Allowance, (id, seq, state) => {
        if (state._tag === "Known" && state.is_set) allowances.set(id, state)
        else allowances.delete(id)
        return arrived(id, seq)
      })
      yield* followStates(Gateway, (id, seq, state) => {
        const isSet = state.options !== gateway.options
        gateway = state
        if (!isSet) return arrived(id, seq)
        const { fit, unfit } = sorted(state.options)
        stored = fit
        options = { ...gatewayDefaults, ...stored, ...gatewayOptions }
        return Effect.andThen(ignored(unfit), arrived(id, seq))
      })

      return Fleet.of({
        backends: () => backends,
        versionOf: (id) => positions.get(id) ?? 0,
        options: () => options,
        stored: () => stored,
        isEmergency: () => gateway.is_emergency,
        allowanceOf: (member) => allowances.get(member),
        onChange: (listener) => {
          listeners.add(listener)
          return () => listeners.delete(listener)
        },
        caughtUp: (id, seq) =>
          Effect.suspend(() => {
            if ((positions.get(id) ?? 0) >= seq) return Effect.void
            const waiter = { id, seq, done: Deferred.makeUnsafe<void>() }
            waiting.add(waiter)
            return Deferred.await(waiter.done).pipe(
              Effect.ensuring(Effect.sync(() => waiting.delete(waiter))),
            )
          }),
      })
    }),
  )
}

const ignored = (keys: ReadonlyArray<string>) =>
  keys.length === 0
    ? Effect.void
    : Effect.logWarning(`stored options that do not fit (any more) are ignored: ${keys.join(", ")}`)

const isOption = Schema.is(GatewayOption)

/** Options as they are on the log, by whether this program knows them and would take their values. */
const sorted = (options: GatewayState["options"]) => {
  const fit: Record<string, unknown> = {}
  const unfit: Array<string> = []
  for (const [key, value] of Object.entries(options)) {
    if (isOption(key) && Schema.is(GatewayOptions.fields[key])(value)) fit[key] = value
    else unfit.push(key)
  }
  return { fit: fit as Partial<GatewayOptions>, unfit }
}
