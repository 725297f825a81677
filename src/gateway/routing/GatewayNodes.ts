import { Context, type Effect } from "effect"

/** The nodes that serve the gateway: what a provider or a limit allows in a minute is shared out among them. */
export class GatewayNodes extends Context.Service<
  GatewayNodes,
  {
    /** The number of nodes just now, this one included; at least 1. */
    readonly count: () => number
    /** True if this node is the one of them that does what one is enough for. Two may think so for a moment. */
    readonly isFirst: () => boolean
    /** Told when one of these changes, until it is undone. */
    readonly onChange: (listener: () => void) => () => void
    /** Waits until whoever else is there must have been heard: before it, a node knows of itself alone. */
    readonly settled: Effect.Effect<void>
  }
>()("crewlog/gateway/routing/GatewayNodes") {}
