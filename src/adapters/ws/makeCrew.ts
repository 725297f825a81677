import { Effect, FiberSet } from "effect"
import { Digest } from "../../domain/Digest.ts"
import { EventLog } from "../../domain/EventLog.ts"
import { carryOut, type CarryingOut } from "../../operations/carryOut.ts"
import { Entrance } from "../../operations/Entrance.ts"
import { sendMessage } from "../../operations/messages.ts"
import { reportPresence, welcome } from "../../operations/presence.ts"
import { isProject } from "../../operations/projects.ts"
import type { Crew } from "./Crew.ts"
import { makeHub } from "./Hub.ts"

type Services =
  | CarryingOut
  | Effect.Services<ReturnType<typeof sendMessage.give>>
  | Effect.Services<ReturnType<typeof reportPresence.give>>
  | Effect.Services<ReturnType<typeof welcome>>

/** The parts that all sessions share; `enter` counts a member's connections. */
export const makeCrew = Effect.fnUntraced(function* (enter: Crew["enter"]) {
  const services = yield* Effect.context<Services>()
  const log = yield* EventLog
  const digest = yield* Digest
  const { epoch } = yield* log.head
  return {
    epoch,
    entrance: yield* Entrance,
    hub: yield* makeHub,
    log,
    say: (message, asked) => Effect.provideContext(carryOut(sendMessage, message, asked), services),
    beat: (status, asked) => Effect.provideContext(carryOut(reportPresence, { status }, asked), services),
    welcome: (member) => Effect.provideContext(welcome(member, epoch), services),
    isProject: (id) => Effect.provideContext(isProject(id), services),
    uuid: digest.uuid,
    run: yield* FiberSet.makeRuntime(),
    enter,
  } satisfies Crew
})
