import { Effect } from "effect"
import type { Digest } from "../domain/Digest.ts"
import { isChosen } from "../domain/Ids.ts"
import { Member } from "../domain/Member.ts"
import { accepting } from "./accepting.ts"
import type { Dispatcher } from "./dispatch.ts"
import type { Envelope } from "./Envelope.ts"
import { memberId } from "./identify.ts"

/**
 * Reserves a client's key for something that is to be made. Its name says which aggregate that is, and under
 * another name the key would be unknown there. So it is remembered with the member who gives the command, before
 * anything is made: refused for another request, and nothing new for the repeat of this one.
 */
export const keyReserver =
  (dispatcher: Dispatcher["Service"], digest: Digest["Service"]) => (envelope: Envelope) =>
    isChosen(envelope.commandId)
      ? Effect.asVoid(
          dispatcher.dispatch(accepting(Member), memberId(digest, envelope.actor.slug), undefined, {
            ...envelope,
            ifMatch: undefined,
          }),
        )
      : Effect.void
