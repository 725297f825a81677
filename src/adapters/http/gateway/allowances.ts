import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Allowances } from "../../../commands/Allowances.ts"
import { Dispatcher } from "../../../commands/dispatch.ts"
import { memberId } from "../../../commands/identify.ts"
import { Allowance, AllowanceNotFound } from "../../../domain/Allowance.ts"
import { Digest } from "../../../domain/Digest.ts"
import { Fleet } from "../../../projections/Fleet.ts"
import { Answers } from "../Answers.ts"
import { shownAllowance } from "./bodies.ts"
import { GatewayApi } from "./GatewayApi.ts"
import { versioned } from "../versioned.ts"

/** What single members may spend, where it is other than what all may. */
export const AllowancesHandlers = HttpApiBuilder.group(
  GatewayApi,
  "allowances",
  Effect.fnUntraced(function* (handlers) {
    const allowances = yield* Allowances
    const answers = yield* Answers
    const digest = yield* Digest
    const dispatcher = yield* Dispatcher
    const fleet = yield* Fleet

    return handlers.handleAll({
      one: ({ params: { slug } }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            const member = memberId(digest, slug)
            const allowance = fleet.allowanceOf(member)
            if (allowance === undefined) return yield* new AllowanceNotFound()
            const version = fleet.versionOf(member)
            return answers.seen(exchange, { seq: version }, shownAllowance(allowance), { version })
          }),
        ),
      set: ({ params: { slug }, payload }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            const member = memberId(digest, slug)
            const envelope = yield* versioned(dispatcher, exchange, Allowance, member)
            const outcome = yield* allowances.set(slug, payload, envelope)
            return yield* answers.done(exchange, outcome, {
              body: shownAllowance(outcome.state),
              version: outcome.seq,
              shown: fleet.caughtUp(member, outcome.seq),
            })
          }),
        ),
      remove: ({ params: { slug } }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            const member = memberId(digest, slug)
            const envelope = yield* versioned(dispatcher, exchange, Allowance, member)
            const outcome = yield* allowances.remove(slug, envelope)
            return yield* answers.done(exchange, outcome, { shown: fleet.caughtUp(member, outcome.seq) })
          }),
        ),
    })
  }),
)
