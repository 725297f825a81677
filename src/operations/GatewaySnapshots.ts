import { Context, type Effect, type Stream } from "effect"
import type { RosterMember } from "../projections/Roster.ts"
import type { TooManyWatchers } from "./EdgeRefusal.ts"

/** The gateway of this node as it is, each second, for as long as the reader may look. */
export class GatewaySnapshots extends Context.Service<
  GatewaySnapshots,
  { readonly watch: (reader: RosterMember) => Effect.Effect<Stream.Stream<string>, TooManyWatchers> }
>()("crewlog/operations/GatewaySnapshots") {}
