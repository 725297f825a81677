import { Effect, Layer } from "effect"
import { Settings } from "../../../config.ts"
import { UpstreamRules } from "../../../operations/UpstreamRules.ts"
import { refusalOfUpstream } from "./upstreamAddress.ts"

/** The rules of addresses with the private hosts that this program's operator allows. */
export const layer = Layer.effect(
  UpstreamRules,
  Effect.map(Settings, ({ privateUpstreams }) =>
    UpstreamRules.of({ objection: (url) => Effect.sync(() => refusalOfUpstream(url, privateUpstreams)) }),
  ),
)
