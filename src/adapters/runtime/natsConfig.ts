import { randomSecret } from "./SecretFile.ts"

/** A user name and its password. */
export interface Login {
  readonly user: string
  readonly pass: string
}

/** A NATS account with JetStream and its two users. */
export interface NatsAccount {
  readonly name: string
  /** May create and change streams. */
  readonly setup: Login
  /** May do everything else, but change neither the log nor the signals. */
  readonly backend: Login
}

export const natsAccount = (name: string): NatsAccount => ({
  name,
  setup: { user: `${name}-setup`, pass: randomSecret() },
  backend: { user: `${name}-backend`, pass: randomSecret() },
})

const quoted = (text: string) => JSON.stringify(text)

// security.md: nobody at run time may create, change, purge or delete the log stream.
const denied = ["CREW", "CREW_SIGNALS"].flatMap((stream) =>
  [
    "CREATE",
    "UPDATE",
    "DELETE",
    "PURGE",
    "SNAPSHOT",
    "RESTORE",
    "MSG.DELETE",
    "PEER.REMOVE",
    "LEADER.STEPDOWN",
  ].map((verb) => `$JS.API.STREAM.${verb}.${stream}`),
)

const user = ({ user: name, pass }: Login, permissions = "") =>
  `{ user: ${quoted(name)}, password: ${quoted(pass)}${permissions} }`

const account = ({ name, setup, backend }: NatsAccount) => `
  ${quoted(name)}: {
    jetstream: enabled
    users: [
      ${user(setup)}
      ${user(backend, `, permissions: { publish: { deny: [${denied.map(quoted).join(", ")}] } }`)}
    ]
  }`

/**
 * The configuration of an embedded nats-server. `sync_interval: always` because one replica without it loses
 * acknowledged records when power fails (architecture.md, Durability). No monitoring port.
 */
export const natsConfig = (port: number, storeFolder: string, accounts: ReadonlyArray<NatsAccount>) => `
server_name: "crewlog"
listen: "127.0.0.1:${port}"
max_payload: 1MB
jetstream {
  store_dir: ${quoted(storeFolder)}
  sync_interval: always
  max_file_store: 1PB
}
accounts {${accounts.map(account).join("")}
  SYS: { users: [${user({ user: "system", pass: randomSecret() })}] }
}
system_account: SYS
`
