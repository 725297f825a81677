import { Effect } from "effect"
import { execFile } from "node:child_process"
import { delimiter } from "node:path"
import { fileURLToPath } from "node:url"
import { findProgram } from "./ChildProcess.ts"
import { ServerFailed } from "./ServerFailed.ts"

/** The folder into which `make setup` puts a nats-server when the machine has none. */
export const toolsFolder = fileURLToPath(new URL("../../../.tools/bin", import.meta.url))

const OLDEST = { major: 2, minor: 12 }

const unusable = (message: string) => new ServerFailed({ server: "nats-server", message })

const versionOf = (program: string) =>
  Effect.callback<string, ServerFailed>((resume) => {
    execFile(program, ["--version"], (error, text) =>
      resume(
        error === null
          ? Effect.succeed(text)
          : Effect.fail(unusable(`${program} doesn't run: ${error.message}`)),
      ),
    )
  })

/** The first nats-server in these folders; 2.12 or newer, or it fails. */
export const natsProgram = Effect.fn("natsProgram")(function* (folders: ReadonlyArray<string>) {
  const program = findProgram("nats-server", folders.join(delimiter))
  if (program === undefined) {
    return yield* unusable("no nats-server found: run `make setup`, or set NATS_URL to a running one")
  }
  const text = yield* versionOf(program)
  const [, major, minor] = /v(\d+)\.(\d+)\./.exec(text) ?? []
  const isRecent =
    Number(major) > OLDEST.major || (Number(major) === OLDEST.major && Number(minor) >= OLDEST.minor)
  if (isRecent) return program
  return yield* unusable(
    `${program} is ${text.trim()}, but ${OLDEST.major}.${OLDEST.minor} or newer is needed: run \`make setup\`, or update it`,
  )
})
