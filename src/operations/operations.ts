import type { Effect } from "effect"
import { allowances } from "./allowances.ts"
import { backends } from "./backends.ts"
import { feed } from "./feed.ts"
import { log } from "./log.ts"
import { members } from "./members.ts"
import { messages } from "./messages.ts"
import type { Command, Done, Fields, Question, Watch } from "./Operation.ts"
import { options } from "./options.ts"
import { pools } from "./pools.ts"
import { presence } from "./presence.ts"
import { projects } from "./projects.ts"
import type { Failure } from "./refusals.ts"
import { tasks } from "./tasks.ts"
import { usage } from "./usage.ts"

const crew = [...projects, ...tasks, ...messages, ...members, ...presence, ...feed, ...log]
const gateway = [...backends, ...pools, ...usage, ...options, ...allowances]

type Works<Row> = Row extends { readonly give: (...args: never) => infer Effects }
  ? Effects
  : Row extends { readonly ask: (...args: never) => infer Effects }
    ? Effects
    : Row extends { readonly open: (...args: never) => infer Effects }
      ? Effects
      : never
type Waits<Row> = Row extends { readonly known?: (...args: never) => infer Effects } ? Effects : never
type Looks<Row> = Row extends { readonly of: { readonly current: (...args: never) => infer Effects } }
  ? Effects
  : never
type Needs<Row> = Effect.Services<Works<Row> | Waits<Row> | Looks<Row>>

/** The services that operations on the board need, and those on the provider gateway. */
export type CrewServices = Needs<(typeof crew)[number]>
export type GatewayServices = Needs<(typeof gateway)[number]>
type Services = CrewServices | GatewayServices

export type AnyCommand<Requirements = Services> = { readonly kind: "command" } & Command<
  Fields,
  Done,
  Failure,
  Requirements,
  Requirements
>
export type AnyQuestion<Requirements = Services> = { readonly kind: "question" } & Question<
  Fields,
  Failure,
  Requirements
>
export type AnyWatch<Requirements = Services> = { readonly kind: "watch" } & Watch<
  Fields,
  Failure,
  Requirements
>
export type AnyOperation<Requirements = Services> =
  | AnyCommand<Requirements>
  | AnyQuestion<Requirements>
  | AnyWatch<Requirements>

/** Operations on the crew's board: projects, tasks, messages, members, presence, feed, log. */
export const crewOperations: ReadonlyArray<AnyOperation<CrewServices>> = crew

/** Operations on the provider gateway, which nodes of the role `gateway` alone offer. */
export const gatewayOperations: ReadonlyArray<AnyOperation<GatewayServices>> = gateway

/** Every mutation and every question of every door. */
export const operations: ReadonlyArray<AnyOperation> = [...crewOperations, ...gatewayOperations]
