import { DateTime, Effect } from "effect"
import { system } from "../../domain/Actor.ts"
import { knowing } from "../../domain/Aggregate.ts"
import { Backend, BackendCommand } from "../../domain/Backend.ts"
import { Digest } from "../../domain/Digest.ts"
import { backoffOf } from "../../domain/Gateway.ts"
import { Fleet } from "../../projections/Fleet.ts"
import { Dispatcher } from "../dispatch.ts"

const { EndCooldown } = BackendCommand.cases

/**
 * A sweep that records the end of cooldowns whose time has come. Nobody waits for the record: the gateway goes by
 * the time itself. The fleet has it all from the log, so that nothing is forgotten over a restart, and the
 * decider knows whether there is something to end.
 */
export const makeCooldownSweep = Effect.gen(function* () {
  const dispatcher = yield* Dispatcher
  const digest = yield* Digest
  const fleet = yield* Fleet

  const end = (id: string, model: string | null, now: string) =>
    dispatcher.dispatch(knowing(Backend, backoffOf(fleet.options())), id, EndCooldown.make({ model, now }), {
      actor: system,
      commandId: `:${digest.uuid()}`,
      fingerprint: "",
      correlation: `cooldown:${id}`,
      causation: fleet.versionOf(id),
    })

  const sweep = Effect.gen(function* () {
    const now = DateTime.formatIso(yield* DateTime.now)
    const due = [...fleet.backends().values()].flatMap(({ cooldowns, id }) =>
      cooldowns.flatMap(({ model, until }) => (until !== null && until <= now ? [{ id, model }] : [])),
    )
    for (const { id, model } of due) {
      // Removed a moment ago: nothing of it cools any more. Or a newer program's affair by now.
      yield* end(id, model, now).pipe(Effect.catchTag(["BackendNotFound", "NewerRecord"], () => Effect.void))
    }
  })

  return { sweep: Effect.withSpan(sweep, "cooldownSweep") }
})
