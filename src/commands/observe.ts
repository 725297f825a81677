import { DateTime, Effect, Result, Schedule } from "effect"
import { system } from "../domain/Actor.ts"
import { type Aggregate, knowing } from "../domain/Aggregate.ts"
import { Backend, BackendCommand, type BackendRefusal } from "../domain/Backend.ts"
import { Digest } from "../domain/Digest.ts"
import { backoffOf, Gateway, GatewayCommand, gatewayId, type GatewayRefusal } from "../domain/Gateway.ts"
import { Fleet } from "../projections/Fleet.ts"
import { type DispatchFailure, Dispatcher } from "./dispatch.ts"
import type { Envelope } from "./Envelope.ts"
import type { Observation, Probed } from "./Observation.ts"
import { makeTurns } from "./turns.ts"

type Failure = BackendRefusal | GatewayRefusal | DispatchFailure

const { ObserveKeyFault, ObserveRateLimit, ObserveSuccess, ReportHealth } = BackendCommand.cases
const { CloseEmergency, OpenEmergency } = GatewayCommand.cases

/** With the seconds that each try waits for the log itself: half a minute. */
const whileAway = Schedule.exponential("250 millis").pipe(Schedule.upTo({ times: 5 }))
const passing: ReadonlySet<Failure["_tag"]> = new Set(["LogUnavailable", "Contended"] as const)

const DAY = 86_400_000
const REASON = 500

const instant = (millis: number) => DateTime.formatIso(DateTime.makeUnsafe(Math.floor(millis)))
/** Whole, and no longer than any cap. */
const wait = (millis: number | null) =>
  millis === null || Number.isNaN(millis) ? null : Math.ceil(Math.min(Math.max(millis, 0), DAY))
/** Short enough and fit for the log, whatever a provider said. */
const line = (text: string) => text.slice(0, REASON).toWellFormed().replaceAll("\0", "")

const commandOf = (observation: Exclude<Observation, { readonly kind: "emergency" }>): BackendCommand => {
  switch (observation.kind) {
    case "rate_limited": {
      const { at, isOfModel = false, model, reason, retryAfterMillis, sentAt } = observation
      return ObserveRateLimit.make({
        model,
        reason,
        ...(isOfModel ? { is_of_model: true } : {}),
        retry_after_ms: wait(retryAfterMillis),
        sent_at: instant(sentAt),
        now: instant(at),
      })
    }
    case "succeeded":
      return ObserveSuccess.make({ model: observation.model, sent_at: instant(observation.sentAt) })
    case "key_fault": {
      const { at, fault, keyVersion } = observation
      return ObserveKeyFault.make({ fault, key_version: keyVersion, now: instant(at) })
    }
  }
}

/**
 * Turns what the gateway sees into commands of Crewlog's own. The router goes by what it saw itself; the log is
 * for the other nodes, for a restart and for the record. So nobody waits for it, and what can't be recorded is let go.
 */
export const makeObserve = Effect.gen(function* () {
  const dispatcher = yield* Dispatcher
  const digest = yield* Digest
  const fleet = yield* Fleet
  const inTurn = makeTurns()

  const give = <State, Command, Event extends { readonly _tag: string }, Refusal extends Failure>(
    aggregate: Aggregate<State, Command, Event, Refusal>,
    id: string,
    command: Command,
  ): Effect.Effect<void, Refusal | DispatchFailure> => {
    const envelope: Envelope = {
      actor: system,
      commandId: `:${digest.uuid()}`,
      fingerprint: "",
      correlation: `gateway:${id}`,
      causation: null,
    }
    return dispatcher
      .dispatch(aggregate, id, command, envelope)
      .pipe(Effect.retry({ schedule: whileAway, while: ({ _tag }) => passing.has(_tag) }), Effect.asVoid)
  }

  /** Tells the log; what changes nothing by what is known here needs no look at the log: most observations say the same. */
  const tell = (id: string, command: BackendCommand): Effect.Effect<void, Failure> => {
    const known = fleet.backends().get(id)
    const backend = knowing(Backend, backoffOf(fleet.options()))
    const decision = known && backend.decide(command, known)
    const isNews = decision === undefined || Result.isFailure(decision) || decision.success.length > 0
    return isNews ? give(backend, id, command) : Effect.void
  }

  const unrecorded = (what: string) =>
    Effect.catchCause((cause) => Effect.logWarning(`what the gateway saw is not recorded: ${what}`, cause))

  return {
    observe: (observation: Observation): Effect.Effect<void> =>
      Effect.suspend((): Effect.Effect<void, Failure> => {
        if (observation.kind !== "emergency") {
          return tell(observation.backend, commandOf(observation))
        }
        const { isOpen, model } = observation
        const command = isOpen ? OpenEmergency.make({ model: line(model) }) : CloseEmergency.make({})
        // In their order, also when the first has to be tried again.
        return give(Gateway, gatewayId, command).pipe(inTurn(gatewayId))
      }).pipe(unrecorded(observation.kind)),
    reportHealth: (backend: string, { health, reason }: Probed): Effect.Effect<void> =>
      Effect.suspend(() => tell(backend, ReportHealth.make({ health, reason: line(reason) }))).pipe(
        unrecorded(`${backend} is ${health}`),
      ),
  }
})
