import { Layer } from "effect"
import { type HttpApi, HttpApiBuilder, type HttpApiEndpoint, type HttpApiGroup } from "effect/http-api"
import type { CarryingOut } from "../../operations/carryOut.ts"
import type { Closing } from "./Closing.ts"
import { grouped } from "./endpoints.ts"
import type { Routed } from "./placesOf.ts"
import { handlerOf } from "./respond.ts"

/** Handlers as they are added by name; the library's own types know endpoints that were written out only. */
interface Handlers {
  handle(name: string, handler: unknown): Handlers
}

type Needs<Groups extends HttpApiGroup.Constraint, Requirements> =
  | Requirements
  | CarryingOut
  | Closing
  | HttpApiEndpoint.Middleware<HttpApiGroup.Endpoints<Groups>>

/** Serves every operation of an interface. */
export const handlersOf = <Id extends string, Groups extends HttpApiGroup.Constraint, Requirements>(
  api: HttpApi.HttpApi<Id, Groups>,
  rows: ReadonlyArray<Routed<Requirements>>,
): Layer.Layer<
  HttpApiGroup.Service<Id, HttpApiGroup.Identifier<Groups>>,
  never,
  Needs<Groups, Requirements>
> =>
  [...grouped(rows)]
    .map(([name, group]) =>
      HttpApiBuilder.group(api, name as HttpApiGroup.Identifier<Groups>, (handlers) => {
        const all = group.reduce(
          (some, row) => some.handle(row.name, handlerOf(row)),
          handlers as unknown as Handlers,
        )
        return all as unknown as HttpApiBuilder.Handlers<Needs<Groups, Requirements>>
      }),
    )
    .reduce((all, one) => Layer.merge(all, one))
