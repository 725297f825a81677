import { Context, Effect, Layer, Schema } from "effect"
import { Digest } from "../domain/Digest.ts"
import type { LogDamaged, LogUnavailable, NewerRecord } from "../domain/EventLog.ts"
import { Slug } from "../domain/Ids.ts"
import { Member } from "../domain/Member.ts"
import { Roster } from "../projections/Roster.ts"
import { Dispatcher } from "./dispatch.ts"
import { memberId } from "./identify.ts"

/** Nobody of this name may act here: unknown, or disabled (422; `field` is where the name stood). */
export class UnknownMember extends Schema.TaggedError<UnknownMember>()("UnknownMember", {
  field: Schema.String,
  slug: Slug,
}) {}

/** The check that those whom a command names are there. */
export class People extends Context.Service<
  People,
  {
    /** The refusal when a named member is unknown or disabled. */
    readonly missing: (
      field: string,
      slug: string | null | undefined,
    ) => Effect.Effect<UnknownMember | undefined, LogUnavailable | LogDamaged | NewerRecord>
  }
>()("crewlog/commands/People") {
  static readonly layer = Layer.effect(
    People,
    Effect.gen(function* () {
      const dispatcher = yield* Dispatcher
      const digest = yield* Digest
      const roster = yield* Roster
      return People.of({
        missing: Effect.fnUntraced(function* (field, slug) {
          if (slug === null || slug === undefined) return undefined
          if (roster.bySlug(slug)?.is_enabled === true) return undefined
          // Registered a moment ago on another node, perhaps: the log knows.
          const { state } = yield* dispatcher.load(Member, memberId(digest, slug))
          return state._tag === "Known" && state.is_enabled ? undefined : new UnknownMember({ field, slug })
        }),
      })
    }),
  )
}
