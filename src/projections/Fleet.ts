import { Context, type Effect } from "effect"
import type { AllowanceState } from "../domain/Allowance.ts"
import type { KnownBackend } from "../domain/Backend.ts"
import type { GatewayOptions } from "../domain/Gateway.ts"

export type SetAllowance = Extract<AllowanceState, { readonly _tag: "Set" }>

/**
 * All that the gateway goes by, on every node, in memory and straight from the log: a cooldown that one node
 * observed holds on all of them a moment after its record, and after a restart it is as it was before.
 */
export class Fleet extends Context.Service<
  Fleet,
  {
    /** By id; removed ones are not there. */
    readonly backends: () => ReadonlyMap<string, KnownBackend>
    /** The position of the newest record of a backend that is known here. */
    readonly versionOf: (backend: string) => number
    /** What the environment says, else what was set by an operator, else the default. */
    readonly options: () => GatewayOptions
    /** Those that operators have set. */
    readonly stored: () => Partial<GatewayOptions>
    readonly isEmergency: () => boolean
    /** By the member's id. */
    readonly allowanceOf: (member: string) => SetAllowance | undefined
    /** Told after every change, until it is undone. */
    readonly onChange: (listener: () => void) => () => void
    /** Waits until the record of this aggregate at this position is known here. */
    readonly caughtUp: (id: string, seq: number) => Effect.Effect<void>
  }
>()("crewlog/projections/Fleet") {}
