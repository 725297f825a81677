import { Console, Effect, Option, Redacted, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { join } from "node:path"
import { Settings } from "../config.ts"
import { Slug } from "../domain/Ids.ts"
import { firstAdmin } from "../domain/Member.ts"
import { CommandFailed } from "./CommandFailed.ts"
import { detailOf, request } from "./requests.ts"
import { dataFolder, runningServer, textOf } from "./RunningServer.ts"
import { SettingsLayer } from "./settings.ts"

const show = Flag.Boolean("show").pipe(
  Flag.withDescription(`With ${firstAdmin}: print the token itself, not where it is`),
  Flag.withDefault(false),
)

const isToken = Schema.is(Schema.Struct({ token: Schema.String }))

/** The first admin's token, and where it is kept. */
const adminToken = Effect.gen(function* () {
  const { adminToken } = yield* Settings
  if (Option.isSome(adminToken))
    return { value: Redacted.value(adminToken.value), place: "CREWLOG_ADMIN_TOKEN" }
  const place = join(yield* dataFolder, "admin-token")
  const text = yield* textOf(place)
  if (text !== undefined) return { value: text.trim(), place }
  return yield* new CommandFailed({
    message: `there is no ${place}: the first start of a server makes it. Start one, or set CREWLOG_ADMIN_TOKEN.`,
  })
})

const newToken = Effect.fnUntraced(function* (slug: string) {
  const folder = yield* dataFolder
  const http = Option.flatMap(yield* runningServer, (server) => Option.fromUndefinedOr(server.http))
  if (Option.isNone(http)) {
    return yield* new CommandFailed({
      message: `no server runs on ${folder}: only a running one makes tokens. Start it.`,
    })
  }
  const { place, value } = yield* adminToken
  const answer = yield* request(new URL(`/api/v1/members/${slug}/token`, http.value).href, {
    method: "POST",
    token: value,
  })
  if (answer.status < 300 && isToken(answer.body)) return answer.body.token
  return yield* new CommandFailed({
    message:
      answer.status === 401
        ? `the server does not know the admin token of ${place}. Set CREWLOG_ADMIN_TOKEN to the one it was started with.`
        : `no new token for ${slug}: ${detailOf(answer)}`,
  })
})

export const token = Command.make(
  "token",
  {
    slug: Argument.String("slug").pipe(Argument.withDescription("Whose"), Argument.withSchema(Slug)),
    show,
  },
  Effect.fnUntraced(function* ({ show, slug }) {
    if (slug !== firstAdmin) return yield* Console.log(yield* newToken(slug))
    const { place, value } = yield* adminToken
    yield* Console.log(show ? value : place)
  }, Effect.provide(SettingsLayer)),
).pipe(
  Command.withDescription(
    "Make a new token for a member and print it, this once; the old one is dead at once. The token of the first " +
      `admin is not made anew: \`token ${firstAdmin}\` says where it is.`,
  ),
  Command.withShortDescription("Make a new token for a member"),
  Command.withExamples([
    { command: "crewlog token ada", description: "A new token for ada" },
    { command: `crewlog token ${firstAdmin} --show`, description: "The first admin's token" },
  ]),
)
