import { Result } from "effect"
import type { Aggregate } from "./Aggregate.ts"
import { change, observeRateLimit, observeSuccess } from "./backendDecisions.ts"
import {
  BackendCommand,
  BackendEvent,
  BackendExists,
  BackendNotFound,
  type BackendRefusal,
  BackendState,
  type Backoff,
} from "./backendSchemas.ts"
import { endCooldown } from "./cooldowns.ts"

export * from "./backendSchemas.ts"

type Decision = Result.Result<ReadonlyArray<BackendEvent>, BackendRefusal>
const nothing: Decision = Result.succeed([])
const record = (...events: ReadonlyArray<BackendEvent>): Decision => Result.succeed(events)
const refuse = (refusal: BackendRefusal): Decision => Result.fail(refusal)

/**
 * A provider's key at one URL: what it serves, at which rate, and whether it may be asked just now
 * (provider-gateway.md).
 */
export const Backend: Aggregate<BackendState, BackendCommand, BackendEvent, BackendRefusal, Backoff> = {
  type: "backend",
  events: BackendEvent,
  state: BackendState,
  initial: { _tag: "Absent" },

  evolve: (state, event, { at }): BackendState => {
    if (event._tag === "BackendRegistered") {
      const { v: _v, ...registration } = event
      return {
        ...registration,
        _tag: "Known",
        fault: null,
        health: "healthy",
        cooldowns: [],
        created_at: at,
        updated_at: at,
      }
    }
    if (state._tag !== "Known") return state
    const backend = { ...state, updated_at: at }
    switch (event._tag) {
      case "BackendChanged":
        return { ...backend, ...event.changes }
      case "BackendEnabled":
        return { ...backend, is_enabled: true, fault: null }
      case "BackendDisabled":
        return { ...backend, is_enabled: false }
      case "KeyRotated":
        return { ...backend, key_version: event.key_version, key_mask: event.key_mask, fault: null }
      case "BackendRemoved":
        return { _tag: "Removed", id: state.id }
      case "RateLimitObserved": {
        const { model, reason, strikes } = event
        const known = backend.cooldowns.find((one) => one.model === model)
        const others = backend.cooldowns.filter((one) => one.model !== model)
        const { since = at, until = null } = known ?? {}
        return { ...backend, cooldowns: [...others, { model, reason, strikes, since, until }] }
      }
      case "CooldownStarted": {
        const { model, reason, since, until } = event
        const strikes = backend.cooldowns.find((one) => one.model === model)?.strikes ?? 0
        const others = backend.cooldowns.filter((one) => one.model !== model)
        return { ...backend, cooldowns: [...others, { model, reason, strikes, since, until }] }
      }
      case "CooldownEnded":
        return {
          ...backend,
          cooldowns: backend.cooldowns.flatMap((one) => {
            if (one.model !== event.model) return [one]
            return one.strikes === 0 ? [] : [{ ...one, until: null }]
          }),
        }
      case "RateLimitCleared":
        return {
          ...backend,
          cooldowns: backend.cooldowns.flatMap((one) => {
            if (one.model !== event.model) return [one]
            return one.until === null ? [] : [{ ...one, strikes: 0 }]
          }),
        }
      case "BackendFailed":
        return { ...backend, fault: { reason: event.fault, since: event.since } }
      case "BackendRecovered":
        return { ...backend, fault: null }
      case "HealthChanged":
        return { ...backend, health: event.to }
    }
  },

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
