import { Result } from "effect"
import type { Aggregate } from "./Aggregate.ts"
import { change, observeRateLimit, observeSuccess } from "./backendDecisions.ts"
import {
  BackendCommand,
  type BackendEvent,
  BackendExists,
  BackendNotFound,
  type BackendRefusal,
  BackendPast,
  type BackendState,
  type Backoff,
} from "./BackendPast.ts"
import { endCooldown } from "./cooldowns.ts"

export * from "./BackendPast.ts"

type Decision = Result.Result<ReadonlyArray<BackendEvent>, BackendRefusal>
const nothing: Decision = Result.succeed([])
const record = (...events: ReadonlyArray<BackendEvent>): Decision => Result.succeed(events)
const refuse = (refusal: BackendRefusal): Decision => Result.fail(refusal)

/**
 * A provider's key at one URL: what it serves, at which rate, and whether it may be asked just now
 * (provider-gateway.md).
 */
export const Backend: Aggregate<BackendState, BackendCommand, BackendEvent, BackendRefusal, Backoff> = {
  ...BackendPast,
  decide: (command, state, backoff) => {
    if (command._tag === "RegisterBackend") {
      if (state._tag !== "Absent") return refuse(new BackendExists({ id: command.id }))
      const { _tag, ...registration } = command
      return record({ _tag: "BackendRegistered", v: 1, ...registration })
    }
    if (state._tag !== "Known") {
      return command._tag === "RemoveBackend" && state._tag === "Removed"
        ? nothing
        : refuse(new BackendNotFound())
    }
    return BackendCommand.match(command, {
      RegisterBackend: () => refuse(new BackendExists({ id: state.id })),
      ChangeBackend: (command) => change(command, state),
      RemoveBackend: () => record({ _tag: "BackendRemoved", v: 1 }),
      ObserveRateLimit: (command) => observeRateLimit(command, state, backoff),
      EndCooldown: ({ model, now }) =>
        endCooldown(model, now, state.cooldowns) ? record({ _tag: "CooldownEnded", v: 1, model }) : nothing,
      ObserveSuccess: (command) => observeSuccess(command, state),
      ObserveKeyFault: ({ fault, key_version, now }) =>
        key_version !== state.key_version || state.fault !== null
          ? nothing
          : record({ _tag: "BackendFailed", v: 1, fault, since: now }),
      ReportHealth: ({ health, reason }) =>
        health === state.health
          ? nothing
          : record({ _tag: "HealthChanged", v: 1, from: state.health, to: health, reason }),
    })
  },
}
