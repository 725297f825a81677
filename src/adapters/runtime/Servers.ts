import { fromSeed } from "@nats-io/nkeys"
import { Context, Effect, Layer, Option, Redacted } from "effect"
import { join } from "node:path"
import { Settings } from "../../config.ts"
import { DataFolder } from "./DataFolder.ts"
import { embeddedNats, type NatsAccess } from "./EmbeddedNats.ts"
import { embeddedPostgres } from "./EmbeddedPostgres.ts"
import { Secrets } from "./Secrets.ts"
import type { ServerFailed } from "./ServerFailed.ts"

/** The NATS and the PostgreSQL that this program works with: its own, or those that NATS_URL and DATABASE_URL name. */
export class Servers extends Context.Service<
  Servers,
  {
    readonly nats: NatsAccess
    readonly databaseUrl: Redacted.Redacted
    readonly embedded: { readonly nats: boolean; readonly postgres: boolean }
  }
>()("crewlog/adapters/runtime/Servers") {}

/** Takes the login out of the first url; clients want it apart. Outside servers give both roles the same one. */
const externalNats = (given: Redacted.Redacted): NatsAccess => {
  const urls = Redacted.value(given)
    .split(",")
    .map((url) => new URL(url.trim()))
  const [first] = urls
  const target = Redacted.make({
    url: urls.map(({ protocol, host }) => `${protocol}//${host}`).join(","),
    ...(first?.username ? { user: decodeURIComponent(first.username) } : {}),
    ...(first?.password ? { pass: decodeURIComponent(first.password) } : {}),
  })
  return { setup: target, backend: target, url: given }
}

const publicKeyOf = ({ natsIssuer }: Secrets["Service"]) =>
  fromSeed(new TextEncoder().encode(Redacted.value(natsIssuer))).getPublicKey()

/** Agents can log in where `Secrets` are there to answer them. Starts what is embedded, both at once, and stops it with the scope. */
export const layer: Layer.Layer<Servers, ServerFailed, Settings | DataFolder> = Layer.effect(
  Servers,
  Effect.gen(function* () {
    const { databaseUrl, host, natsPort, natsUrl, searchPath } = yield* Settings
    const { path } = yield* DataFolder
    const issuer = Option.map(yield* Effect.serviceOption(Secrets), publicKeyOf)
    const [nats, database] = yield* Effect.all(
      [
        Option.match(natsUrl, {
          onNone: () =>
            embeddedNats({
              folder: join(path, "nats"),
              searchPath,
              host,
              port: natsPort,
              ...(Option.isSome(issuer) ? { issuer: issuer.value } : {}),
            }),
          onSome: (url) => Effect.succeed(externalNats(url)),
        }),
        Option.match(databaseUrl, {
          onNone: () => embeddedPostgres({ folder: join(path, "postgres"), searchPath }),
          onSome: (url) => Effect.succeed(url),
        }),
      ],
      { concurrency: 2 },
    )
    return Servers.of({
      nats,
      databaseUrl: database,
      embedded: { nats: Option.isNone(natsUrl), postgres: Option.isNone(databaseUrl) },
    })
  }),
)
