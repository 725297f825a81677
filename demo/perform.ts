import { setTimeout as pause } from "node:timers/promises"
import { parseArgs } from "node:util"
import { Member, type ServerOfCrew } from "./Crew.ts"
import { checked, expect, Mismatch } from "./expect.ts"
import { PRESENCE_TIMEOUT, Server, type Whereabouts } from "./Server.ts"
import { Teller } from "./Teller.ts"

const USAGE = `Usage: node demo/demo.ts [--url <url> --admin-token <token>] [--fast]

Without --url it starts a server of its own, and stops it in the end.
  --url          a running server, such as http://127.0.0.1:8100
  --admin-token  its admin's token; else CREWLOG_ADMIN_TOKEN
  --fast         no pauses for reading`

/** The stage of a story. */
export interface Stage {
  readonly place: ServerOfCrew
  readonly admin: Member
  readonly tell: Teller
  /** Ends the slug of whatever the story makes: empty on a server of our own, else something new. */
  readonly suffix: string
  /** After what silence the server takes a member for offline. */
  readonly silence: string
  /** The time that it may take until a silent member is offline, in milliseconds. */
  readonly offlineWithin: number
  /** The work that is to be done however the story ends, the last first. */
  readonly afterwards: Array<() => Promise<unknown>>
}

const OWN = { silence: PRESENCE_TIMEOUT, offlineWithin: 20_000 }
const OTHER = { silence: "90 seconds, unless it was told otherwise", offlineWithin: 150_000 }
const TIDY_WITHIN = 10_000

/** Somebody wants us to stop. */
class Stopped extends Error {
  readonly exitCode: number
  constructor(why: string, exitCode: number) {
    super(why)
    this.exitCode = exitCode
  }
}

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }

/** Plays the story and tells how it ended; leaves nothing running. Gives the exit code. */
export const perform = async (story: (stage: Stage) => Promise<void>): Promise<number> => {
  const options = read()
  if (typeof options === "number") return options

  const tell = new Teller(process.stdout, process.env, options.isFast)
  const stop = stopped()
  const server = options.place === undefined ? new Server(process.env) : undefined
  const afterwards: Stage["afterwards"] = []
  tell.title("Crewlog: three agents and a person work through a board", [
    "<-  a frame that was pushed over WebSocket, with its position on the log",
    "=   something that was checked",
  ])
  const play = async () =>
    story(stageAt(options.place ?? (await opened(server, tell)), tell, afterwards, server))

  const code = await outcome(tell, server, () => Promise.race([play(), stop]))
  await Promise.race([tidy(afterwards), pause(TIDY_WITHIN)])
  const end = await server?.stop()
  return code === 0 ? await outcome(tell, undefined, () => farewell(tell, end)) : code
}

const opened = async (server: Server | undefined, tell: Teller): Promise<Whereabouts> => {
  if (server === undefined) throw new Error("there is no server")
  tell.chapter("A server of its own")
  await tell.does("demo", "starts it, with its own NATS and PostgreSQL")
  const whereabouts = await server.ready()
  await tell.does("demo", `it is ready at ${whereabouts.url}`)
  return whereabouts
}

const stageAt = (
  { adminToken, url }: Whereabouts,
  tell: Teller,
  afterwards: Stage["afterwards"],
  server: Server | undefined,
): Stage => {
  const place = { url, seen: 0 }
  return {
    place,
    admin: new Member(place, "admin", adminToken),
    tell,
    suffix: server === undefined ? `-${Date.now().toString(36)}` : "",
    ...(server === undefined ? OTHER : OWN),
    afterwards,
  }
}

const tidy = async (afterwards: Stage["afterwards"]): Promise<void> => {
  for (const act of afterwards.toReversed()) await act().catch(() => {})
}

const farewell = async (tell: Teller, end: string | undefined): Promise<void> => {
  if (end !== undefined) {
    expect("the server stops in order when it is asked to", end, "exit code 0")
    await tell.does("demo", "stopped its server; nothing is left behind")
  }
  tell.closing(
    `All of this happened: ${checked} claims checked in ${tell.seconds.toFixed(0)} seconds, over REST and WebSocket alone.`,
    "To look around yourself: `make run` starts a server that stays, and prints where everything is.",
  )
}

/** Does it and gives 0, or tells why it did not work and gives the exit code for that. */
const outcome = async (
  tell: Teller,
  server: Server | undefined,
  act: () => Promise<void>,
): Promise<number> => {
  try {
    await act()
    return 0
  } catch (error) {
    if (error instanceof Stopped) {
      process.stderr.write(`\n${error.message}: tidying up ...\n`)
    } else {
      tellFailure(tell, error, server?.lines ?? [])
    }
    tell.silence()
    return error instanceof Stopped ? error.exitCode : 1
  }
}

const tellFailure = (tell: Teller, error: unknown, serverLines: ReadonlyArray<string>): void => {
  const last = serverLines.map((line, index) => [index === 0 ? "server" : "", line] as const)
  if (error instanceof Mismatch) {
    const { claim, expected, found } = error
    tell.failure(`it is not so that ${claim}`, [["expected", expected], ["found", found], ...last])
  } else {
    tell.failure(reasonOf(error), last)
  }
}

/** `fetch` has the reason in the cause of what it throws. */
const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const { cause, message } = error
  if (!(cause instanceof Error)) return message
  return `${message}: ${cause.message || ("code" in cause ? cause.code : cause.name)}`
}

/** Rejects when we are asked to stop, or when nobody reads what we tell. Asking twice doesn't make it quicker. */
const stopped = (): Promise<never> => {
  const { promise, reject } = Promise.withResolvers<never>()
  for (const [signal, exitCode] of Object.entries(SIGNALS)) {
    process.on(signal, () => reject(new Stopped(signal, exitCode)))
  }
  process.stdout.on("error", () => reject(new Stopped("nobody reads", 1)))
  process.stderr.on("error", () => {})
  promise.catch(() => {})
  return promise
}

/** The options, or the exit code where there is nothing to play. */
const read = (): { readonly place: Whereabouts | undefined; readonly isFast: boolean } | number => {
  try {
    const { fast, help, url, "admin-token": token } = parseArgs({ options: OPTIONS }).values
    if (help) {
      console.log(USAGE)
      return 0
    }
    if (url === undefined) return { place: undefined, isFast: fast }
    const adminToken = token ?? process.env["CREWLOG_ADMIN_TOKEN"]
    if (!/^https?:/.test(url) || !URL.canParse(url)) throw new Error(`--url takes a http:// or https:// url`)
    if (!adminToken) throw new Error("--url needs --admin-token or CREWLOG_ADMIN_TOKEN")
    return { place: { url, adminToken }, isFast: fast }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`)
    return 2
  }
}

const OPTIONS = {
  "admin-token": { type: "string" },
  fast: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
  url: { type: "string" },
} as const
