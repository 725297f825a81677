import { Console, Effect, Option, Redacted, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { join } from "node:path"
import { Settings } from "../config.ts"
import { Slug } from "../domain/Ids.ts"
import { firstAdmin } from "../domain/Member.ts"
import { CommandFailed, WrongUsage } from "./CommandFailed.ts"
import { detailOf, request } from "./requests.ts"
import { dataFolder, runningServer, textOf } from "./RunningServer.ts"
import { resetAdmin } from "./resetAdmin.ts"
import { SettingsLayer } from "./settings.ts"

const show = Flag.Boolean("show").pipe(
  Flag.withDescription(`With ${firstAdmin}: print the token itself, not where it is`),
  Flag.withDefault(false),
)

const isToken = Schema.is(Schema.Struct({ token: Schema.String }))

const reset = Flag.Boolean("reset").pipe(
  Flag.withDescription(`With ${firstAdmin}: make a new one, where nobody knows the old one any more`),
  Flag.withDefault(false),
)

/** The first admin's token, and where it is kept. A server takes the file away when the token in it was replaced. */
const adminToken = Effect.gen(function* () {
  const { adminToken } = yield* Settings
  const place = join(yield* dataFolder, "admin-token")
  const text = yield* textOf(place)
  if (text !== undefined) return { value: text.trim(), place }
  if (Option.isSome(adminToken))
    return { value: Redacted.value(adminToken.value), place: "CREWLOG_ADMIN_TOKEN" }
  return yield* new CommandFailed({
    message: `there is no ${place}: the first start of a server makes it, and it goes when the token is replaced. Start one, set CREWLOG_ADMIN_TOKEN to the token of now, or make another with crewlog token ${firstAdmin} --reset.`,
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
        ? `the server does not know the admin token of ${place}: it was replaced. Make another with crewlog token ${firstAdmin} --reset.`
        : `no new token for ${slug}: ${detailOf(answer)}`,
  })
})

export const token = Command.make(
  "token",
  {
    slug: Argument.String("slug").pipe(Argument.withDescription("Whose"), Argument.withSchema(Slug)),
    show,
    reset,
  },
  Effect.fnUntraced(function* ({ reset, show, slug }) {
    if (slug !== firstAdmin && reset) {
      return yield* new WrongUsage({
        message: `--reset is for ${firstAdmin}: an admin makes the others' tokens.`,
      })
    }
    if (slug !== firstAdmin) return yield* Console.log(yield* newToken(slug))
    if (reset) return yield* Console.log(yield* resetAdmin)
    const { place, value } = yield* adminToken
    yield* Console.log(show ? value : place)
  }, Effect.provide(SettingsLayer)),
).pipe(
  Command.withDescription(
    "Make a new token for a member and print it, this once; the old one is dead at once. " +
      `\`token ${firstAdmin}\` says where the first admin's is; with --reset it is made anew, straight on the log: ` +
      "nobody is asked for the old one.",
  ),
  Command.withShortDescription("Make a new token for a member"),
  Command.withExamples([
    { command: "crewlog token ada", description: "A new token for ada" },
    { command: `crewlog token ${firstAdmin} --show`, description: "The first admin's token" },
    { command: `crewlog token ${firstAdmin} --reset`, description: "A new one, when it is lost" },
  ]),
)
