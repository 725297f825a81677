import { DateTime, Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Fleet } from "../../../projections/Fleet.ts"
import { RouterStatus } from "../../llm/routing/RouterStatus.ts"
import { Answers } from "../Answers.ts"
import { GatewayApi } from "./GatewayApi.ts"
import { poolsOf } from "./poolsOf.ts"

export const PoolsHandlers = HttpApiBuilder.group(
  GatewayApi,
  "pools",
  Effect.fnUntraced(function* (handlers) {
    const answers = yield* Answers
    const fleet = yield* Fleet
    const router = yield* RouterStatus

    return handlers.handleAll({
      list: () =>
        answers.to((exchange) =>
          Effect.map(DateTime.now, (now) => {
            const backends = [...fleet.backends().values()]
            const seq = backends.reduce((newest, { id }) => Math.max(newest, fleet.versionOf(id)), 0)
            const pools = poolsOf({
              backends,
              standings: router.snapshot().backends,
              now: DateTime.formatIso(now),
            })
            return answers.seen(exchange, { seq }, pools)
          }),
        ),
    })
  }),
)
