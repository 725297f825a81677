import { AGENTS } from "../nats/agentAccount.ts"
import { LOG_STREAM, SECRETS_STREAM, SIGNALS_STREAM } from "../nats/streams.ts"
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
  /** May do everything else, but change neither the log nor the signals; sealed keys one at a time only. */
  readonly backend: Login
}

export const natsAccount = (name: string): NatsAccount => ({
  name,
  setup: { user: `${name}-setup`, pass: randomSecret() },
  backend: { user: `${name}-backend`, pass: randomSecret() },
})

const quoted = (text: string) => JSON.stringify(text)

// security.md: nobody at run time may create, change, purge or delete the log stream.
const WHOLE_STREAM = [
  "CREATE",
  "UPDATE",
  "DELETE",
  "PURGE",
  "SNAPSHOT",
  "RESTORE",
  "PEER.REMOVE",
  "LEADER.STEPDOWN",
]
const denied = [
  ...[LOG_STREAM, SIGNALS_STREAM].map((name) => ({ name, verbs: [...WHOLE_STREAM, "MSG.DELETE"] })),
  // Keys that are dropped have to be erased from the disk, one message at a time.
  { name: SECRETS_STREAM, verbs: WHOLE_STREAM },
].flatMap(({ name, verbs }) => verbs.map((verb) => `$JS.API.STREAM.${verb}.${name}`))

const user = ({ user: name, pass }: Login, permissions = "") =>
  `{ user: ${quoted(name)}, password: ${quoted(pass)}${permissions} }`

// What agents may ask of us and hear of us, and what we may ask of the server to cut their connections.
const toAgents = `
    exports: [
      { service: "crew.cmd.>", accounts: [${AGENTS}] }
      { service: "$SRV.>", response: stream, accounts: [${AGENTS}] }
      { stream: "crew.live.>", accounts: [${AGENTS}] }
    ]
    imports: [
      { service: { account: SYS, subject: "$SYS.REQ.SERVER.PING.CONNZ" }, to: "crew.sys.connz" }
      { service: { account: SYS, subject: "$SYS.REQ.SERVER.*.KICK" } }
    ]`

const account = ({ name, setup, backend }: NatsAccount, more = "") => `
  ${quoted(name)}: {
    jetstream: enabled
    users: [
      ${user(setup)}
      ${user(backend, `, permissions: { publish: { deny: [${denied.map(quoted).join(", ")}] } }`)}
    ]${more}
  }`

// `share` tells us which connection a command came through. The mapping keeps an answer to a command that
// named a live subject as its reply from passing for a frame.
const agentsOf = (crew: NatsAccount) => `
  ${AGENTS}: {
    mappings: { "crew.live.>": "crew.void.>" }
    imports: [
      { service: { account: ${quoted(crew.name)}, subject: "crew.cmd.>" }, share: true }
      { service: { account: ${quoted(crew.name)}, subject: "$SRV.>" } }
      { stream: { account: ${quoted(crew.name)}, subject: "crew.live.>" } }
    ]
  }`

const SYSTEM = "system"
const systemExports = (crew: NatsAccount) => `
    exports: [
      { service: "$SYS.REQ.SERVER.PING.CONNZ", response: stream, accounts: [${quoted(crew.name)}] }
      { service: "$SYS.REQ.SERVER.*.KICK", accounts: [${quoted(crew.name)}] }
    ]`

/** Logins that are not in the configuration are the program's to judge (architecture.md section 11). */
const authorization = ({ backend, name, setup }: NatsAccount, issuer: string) => `
authorization {
  auth_callout {
    issuer: ${quoted(issuer)}
    auth_users: [${[setup.user, backend.user, SYSTEM].map(quoted).join(", ")}]
    account: ${quoted(name)}
  }
}
`

/** The account that agents log in to, and the public key that answers to their logins are signed with. */
export interface AgentLogins {
  readonly crew: NatsAccount
  readonly issuer: string
}

export interface NatsConfigOptions {
  /** The address that it listens on. */
  readonly host?: string
  /** The bytes beyond which it refuses to store. */
  readonly most?: string
}

/** A host as it stands before a port. */
export const bracketed = (host: string) => (host.includes(":") ? `[${host}]` : host)

/**
 * The configuration of an embedded nats-server. `sync_interval: always` because one replica without it loses
 * acknowledged records when power fails (architecture.md, Durability). No monitoring port.
 */
export const natsConfig = (
  port: number,
  storeFolder: string,
  accounts: ReadonlyArray<NatsAccount>,
  agents?: AgentLogins,
  { host = "127.0.0.1", most = "1PB" }: NatsConfigOptions = {},
) => `
server_name: "crewlog"
listen: ${quoted(`${bracketed(host)}:${port}`)}
max_payload: 1MB
jetstream {
  store_dir: ${quoted(storeFolder)}
  sync_interval: always
  max_file_store: ${most}
}
accounts {${accounts.map((one) => account(one, one === agents?.crew ? toAgents : "")).join("")}${
  agents === undefined ? "" : agentsOf(agents.crew)
}
  SYS: {
    users: [${user({ user: SYSTEM, pass: randomSecret() })}]${agents === undefined ? "" : systemExports(agents.crew)}
  }
}
system_account: SYS
${agents === undefined ? "" : authorization(agents.crew, agents.issuer)}`
