import { Effect } from "effect"
import type { Dispatcher } from "../../commands/dispatch.ts"
import type { Envelope } from "../../commands/Envelope.ts"
import type { Evolving } from "../../domain/Aggregate.ts"
import { isCurrent } from "../../domain/History.ts"
import type { Exchange } from "./Exchange.ts"

type Current = Exchange["Service"]

/** The command's envelope with the version that `If-Match` asks for; of several, the one that is true now. */
export const versioned = Effect.fnUntraced(function* <State, Event>(
  dispatcher: Dispatcher["Service"],
  { envelope, ifMatch }: Current,
  aggregate: Evolving<State, Event>,
  id: string,
) {
  if (ifMatch === undefined || ifMatch.length < 2) return envelope
  const loaded = yield* dispatcher.load(aggregate, id)
  return { ...envelope, ifMatch: ifMatch.find((seen) => isCurrent(seen, loaded)) ?? 0 }
})

/** For what is made new: there is no version to match. */
export const unversioned = ({ envelope }: Current): Envelope => ({ ...envelope, ifMatch: undefined })
