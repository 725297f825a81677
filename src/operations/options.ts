import { Effect, Schema } from "effect"
import { Gateway } from "../commands/Gateway.ts"
import { Settings } from "../config.ts"
import {
  Gateway as GatewayAggregate,
  gatewayDefaults,
  gatewayId,
  GatewayOption,
  type GatewayState,
  OptionNotFound,
} from "../domain/Gateway.ts"
import { Line } from "../domain/Text.ts"
import { Fleet } from "../projections/Fleet.ts"
import { ConfigBody, newConfig } from "./gatewayBodies.ts"
import { about, command, question } from "./Operation.ts"
import { admins } from "./rights.ts"

type Key = typeof GatewayOption.Type
type Stored = GatewayState["options"]

const may = admins("manage the gateway")
const byKey = { key: Line(100) }
const ofGateway = about(GatewayAggregate, () => gatewayId)
const option = { key: "rpm_limit", value: 60, source: "stored", stored: 60, default: 40 }

const isOption = (key: string): key is Key => Object.hasOwn(gatewayDefaults, key)

/** The value that holds for an option, and where it comes from: the environment stands above what was stored. */
const shown = (fixed: Settings["Service"]["gatewayOptions"], key: Key, all: Stored): ConfigBody => {
  const byEnvironment = fixed[key]
  const stored = Object.hasOwn(all, key) ? all[key] : undefined
  const byDefault = gatewayDefaults[key]
  const rest = { ...(stored === undefined ? {} : { stored }), default: byDefault }
  if (byEnvironment !== undefined) return { key, value: byEnvironment, source: "environment", ...rest }
  return stored === undefined
    ? { key, value: byDefault, source: "default", ...rest }
    : { key, value: stored, source: "stored", ...rest }
}

const known = ({ seq }: { readonly seq: number }) => Fleet.use((fleet) => fleet.caughtUp(gatewayId, seq))

const setOption = command({
  name: "option.set",
  summary: "Sets an option of the gateway",
  description: "For all nodes, at once. Where a node's environment says otherwise, that holds there.",
  input: { ...byKey, ...newConfig },
  output: ConfigBody,
  rest: ["PUT", "/api/admin/config/:key", 200],
  of: ofGateway,
  may,
  refusals: ["OptionNotFound", "OptionUnfit"],
  example: { input: { key: "rpm_limit", value: 60 }, output: option },
  isVersioned: true,
  isInMemory: true,
  known,
  give: ({ key, value }, { envelope }) =>
    Effect.gen(function* () {
      if (!isOption(key)) return yield* new OptionNotFound({ key })
      const { gatewayOptions } = yield* Settings
      const outcome = yield* Gateway.use((gateway) => gateway.setOption(key, value, envelope))
      return { ...outcome, shown: shown(gatewayOptions, key, outcome.state.options) }
    }),
  tell: (outcome) => outcome.shown,
})

const removeOption = command({
  name: "option.remove",
  summary: "Forgets what was set of an option",
  description: "Its default holds again.",
  input: byKey,
  rest: ["DELETE", "/api/admin/config/:key", 204],
  of: ofGateway,
  may,
  refusals: ["OptionNotFound"],
  example: { input: { key: "rpm_limit" } },
  isInMemory: true,
  known,
  give: ({ key }, { envelope }) => Gateway.use((gateway) => gateway.removeOption(key, envelope)),
})

const listOptions = question({
  name: "option.list",
  summary: "Lists the options of the gateway",
  description: "Each with its value, its default, and where the value comes from.",
  input: {},
  output: Schema.Array(ConfigBody),
  rest: ["GET", "/api/admin/config", 200],
  may,
  refusals: [],
  example: { input: {}, output: [option] },
  from: "memory",
  ask: Effect.fnUntraced(function* () {
    const fleet = yield* Fleet
    const { gatewayOptions } = yield* Settings
    const body = GatewayOption.literals.map((key) => shown(gatewayOptions, key, fleet.stored()))
    return { seq: fleet.versionOf(gatewayId), body }
  }),
})

const getOption = question({
  name: "option.get",
  summary: "Shows an option of the gateway",
  description: "Its value, its default, and where the value comes from.",
  input: byKey,
  output: ConfigBody,
  rest: ["GET", "/api/admin/config/:key", 200],
  may,
  refusals: ["OptionNotFound"],
  example: { input: { key: "rpm_limit" }, output: option },
  from: "memory",
  isVersioned: true,
  ask: Effect.fnUntraced(function* ({ key }) {
    if (!isOption(key)) return yield* new OptionNotFound({ key })
    const fleet = yield* Fleet
    const { gatewayOptions } = yield* Settings
    const version = fleet.versionOf(gatewayId)
    return { seq: version, body: shown(gatewayOptions, key, fleet.stored()), version }
  }),
})

export const options = [listOptions, getOption, setOption, removeOption]
