import { Context, Effect, Layer } from "effect"
import { system } from "../domain/Actor.ts"
import { Digest } from "../domain/Digest.ts"
import {
  Presence as PresenceAggregate,
  PresenceCommand,
  type ReportedStatus,
  statusOf,
} from "../domain/Presence.ts"
import { Dispatcher, type DispatchFailure } from "./dispatch.ts"
import type { Envelope } from "./Envelope.ts"

type Reported = typeof ReportedStatus.Type

/** The owner of the presence. */
export interface Present {
  readonly id: string
  readonly slug: string
}

const { MarkOffline, ReportPresence } = PresenceCommand.cases

/** Changes of what is known of a member's presence; that it was heard of is a matter of `Heartbeats`. */
export class Presence extends Context.Service<
  Presence,
  {
    /** The member says how it is. */
    readonly report: (member: Present, status: Reported) => Effect.Effect<void, DispatchFailure>
    /** The member is there, whatever it does: one that was offline comes online. Gives what it is now. */
    readonly appear: (member: Present) => Effect.Effect<Reported, DispatchFailure>
    /** The member was last heard of at `last_seen` and not since `before`. Repeated, it changes nothing. */
    readonly lapse: (
      member: Present,
      last_seen: string | null,
      before: string,
    ) => Effect.Effect<void, DispatchFailure>
  }
>()("crewlog/commands/Presence") {
  static readonly layer = Layer.effect(
    Presence,
    Effect.gen(function* () {
      const dispatcher = yield* Dispatcher
      const digest = yield* Digest

      const give = (
        { id, slug }: Present,
        command: PresenceCommand,
        commandId: string,
        over: Pick<Envelope, "actor"> & Partial<Envelope>,
      ) =>
        dispatcher.dispatch(PresenceAggregate, id, command, {
          commandId,
          fingerprint: "",
          correlation: `presence:${slug}`,
          causation: null,
          ...over,
        })

      /** A status is reported by nobody but the member itself. */
      const itself = ({ slug }: Present): Envelope["actor"] => ({
        slug,
        name: slug,
        type: "agent",
        role: "member",
      })

      const report = (member: Present, status: Reported, ifMatch?: number) =>
        give(member, ReportPresence.make({ slug: member.slug, status }), `:${digest.uuid()}`, {
          actor: itself(member),
          ifMatch,
        })

      return Presence.of({
        report: (member, status) => Effect.asVoid(report(member, status)),
        appear: Effect.fnUntraced(function* (member) {
          const { seq, state } = yield* dispatcher.load(PresenceAggregate, member.id)
          const status = statusOf(state)
          if (status !== "offline") return status
          // Who reports something at this very moment knows better.
          yield* report(member, "online", seq).pipe(Effect.catchTag("VersionMismatch", () => Effect.void))
          return "online" as const
        }),
        lapse: ({ id, slug }, last_seen, before) =>
          Effect.asVoid(
            give(
              { id, slug },
              MarkOffline.make({ slug, last_seen, seen_after: before }),
              `:offline:${id}:${last_seen ?? "never"}`,
              { actor: system },
            ),
          ),
      })
    }),
  )
}
