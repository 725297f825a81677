import type { KnownBackend } from "../../../domain/Backend.ts"
import type { GatewayOptions } from "../../../domain/Gateway.ts"
import type { Callers } from "../metering/Callers.ts"
import type { Meter } from "../metering/Meter.ts"
import type { Catalogue } from "./prices.ts"
import type { Api, Journey } from "../../../gateway/routing/Route.ts"

/** The parts that the proxy needs of the rest of the gateway. All of it answers at once. */
export interface ProxyParts {
  readonly callers: Callers["Service"]
  readonly meter: Meter["Service"]
  readonly router: {
    readonly begin: (request: {
      readonly model: string
      readonly apis: ReadonlyArray<Api>
      /** The signal that is aborted when it goes away. */
      readonly client: { readonly isGone: boolean; readonly signal: AbortSignal }
    }) => Journey
  }
  readonly backends: () => ReadonlyMap<string, KnownBackend>
  readonly options: () => GatewayOptions
  readonly catalogue: Catalogue
  /** `host:port` in lower case. */
  readonly privateUpstreams: ReadonlySet<string>
  /** Bytes. */
  readonly bodyLimit: number
  /** Told of what should not have happened. */
  readonly onDefect: (error: unknown) => void
}
