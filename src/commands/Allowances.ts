import { Context, Effect, Layer } from "effect"
import {
  Allowance,
  type AllowanceCommand,
  type AllowanceEvent,
  type AllowanceRefusal,
  type AllowanceState,
} from "../domain/Allowance.ts"
import { Digest } from "../domain/Digest.ts"
import { Member, MemberNotFound } from "../domain/Member.ts"
import { type DispatchFailure, Dispatcher, type Outcome } from "./dispatch.ts"
import type { Envelope } from "./Envelope.ts"
import { memberId } from "./identify.ts"
import { refusing } from "./refusing.ts"

type Limits = Omit<Extract<AllowanceCommand, { readonly _tag: "SetAllowance" }>, "_tag" | "slug">

type Done = Effect.Effect<
  Outcome<AllowanceState, AllowanceEvent>,
  AllowanceRefusal | MemberNotFound | DispatchFailure
>

/** The limits of single members' spending at the gateway, where it is other than what all may. */
export class Allowances extends Context.Service<
  Allowances,
  {
    /** All of them anew: what is not given is without limit. */
    readonly set: (slug: string, limits: Partial<Limits>, envelope: Envelope) => Done
    readonly remove: (slug: string, envelope: Envelope) => Done
  }
>()("crewlog/commands/Allowances") {
  static readonly layer = Layer.effect(
    Allowances,
    Effect.gen(function* () {
      const dispatcher = yield* Dispatcher
      const digest = yield* Digest

      const set = Effect.fnUntraced(function* (slug: string, limits: Partial<Limits>, envelope: Envelope) {
        const id = memberId(digest, slug)
        const { state } = yield* dispatcher.load(Member, id)
        if (state._tag === "Absent") {
          return yield* dispatcher.dispatch(
            refusing(Allowance, new MemberNotFound()),
            id,
            undefined,
            envelope,
          )
        }
        const command = { ...unlimited, ...limits, _tag: "SetAllowance", slug } as const
        return yield* dispatcher.dispatch(Allowance, id, command, envelope)
      })

      return Allowances.of({
        set,
        remove: (slug, envelope) =>
          dispatcher.dispatch(Allowance, memberId(digest, slug), { _tag: "RemoveAllowance" }, envelope),
      })
    }),
  )
}

const unlimited: Limits = { requests_per_minute: null, tokens_per_day: null, usd_per_day: null }
