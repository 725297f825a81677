import { DateTime, Effect, Schema } from "effect"
import { RouterStatus } from "../gateway/routing/RouterStatus.ts"
import { Fleet } from "../projections/Fleet.ts"
import { PoolBody } from "./gatewayBodies.ts"
import * as examples from "./examples.ts"
import { GatewaySnapshots } from "./GatewaySnapshots.ts"
import { question, watch } from "./Operation.ts"
import { poolsOf } from "./poolsOf.ts"
import { admins } from "./rights.ts"

const may = admins("manage the gateway")

const listPools = question({
  name: "pool.list",
  summary: "Shows both pools",
  description:
    "Their backends by how they stand, the models that they serve, and what is left of their rates on this node.",
  input: {},
  output: Schema.Array(PoolBody),
  rest: ["GET", "/api/admin/pools", 200],
  may,
  refusals: [],
  example: {
    input: {},
    output: [
      {
        pool: "primary",
        backends: [examples.ids.backend],
        models: ["small"],
        total: 1,
        healthy: 1,
        cooling: 0,
        error: 0,
        disabled: 0,
        rpm_limit: 500,
        rpm_left: 480,
      },
    ],
  },
  from: "memory",
  ask: Effect.fnUntraced(function* () {
    const fleet = yield* Fleet
    const router = yield* RouterStatus
    const backends = [...fleet.backends().values()]
    const seq = backends.reduce((newest, { id }) => Math.max(newest, fleet.versionOf(id)), 0)
    const now = DateTime.formatIso(yield* DateTime.now)
    return { seq, body: poolsOf({ backends, standings: router.snapshot().backends, now }) }
  }),
})

const watchGateway = watch({
  name: "gateway.watch",
  summary: "Streams the gateway as it is",
  description:
    "Server-sent events: a `snapshot` of this node every second. At most 50 readers at a time on one node.",
  input: {},
  rest: ["GET", "/dashboard/sse", 200],
  may,
  refusals: ["TooManyWatchers"],
  example: { input: {} },
  open: (_, { member }) =>
    Effect.map(
      GatewaySnapshots.use((snapshots) => snapshots.watch(member)),
      (events) => ({ events }),
    ),
})

export const pools = [listPools, watchGateway]
