import type { Effect } from "effect"
import type { Asked } from "../../operations/Asked.ts"
import type { CarriedOut } from "../../operations/carryOut.ts"
import type { Entrance } from "../../operations/Entrance.ts"
import type { Failure } from "../../operations/refusals.ts"
import type { EventLog } from "../../domain/EventLog.ts"
import type { RosterMember } from "../../projections/Roster.ts"
import type { Hub } from "./Hub.ts"
import type { Greeting } from "./serverFrames.ts"

/** A session whose member is known. */
export interface Entering {
  readonly slug: string
  /** Closes the connection if the token that opened it no longer counts. */
  checkToken(): void
}

/** The parts of a node that all its sessions share. */
export interface Crew {
  /** The name of this log. */
  readonly epoch: string
  readonly entrance: Entrance["Service"]
  readonly hub: Hub
  readonly log: EventLog["Service"]
  /** Says something for a member. */
  readonly say: (
    message: Readonly<Record<string, unknown>>,
    asked: Asked,
  ) => Effect.Effect<CarriedOut, Failure>
  /** Notes a member's sign of life. */
  readonly beat: (status: string, asked: Asked) => Effect.Effect<CarriedOut, Failure>
  /** Tells a member where it begins. */
  readonly welcome: (member: RosterMember) => Effect.Effect<Greeting, Failure>
  readonly isProject: (id: string) => Effect.Effect<boolean, Failure>
  readonly uuid: () => string
  /** Starts something that ends with the server at the latest. */
  readonly run: (effect: Effect.Effect<void>) => void
  /** True if the member may have one more connection; if so it counts from now on. */
  readonly enter: (session: Entering) => boolean
}
