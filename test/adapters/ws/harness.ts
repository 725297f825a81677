import { ConfigProvider, Context, Effect, Layer, PubSub, Schedule, type Scope, Stream } from "effect"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { type ClientOptions, WebSocket } from "ws"
import { layer as MemoryLog } from "../../../src/adapters/memory/EventLog.ts"
import { layer as DigestLayer } from "../../../src/adapters/node/Digest.ts"
import { layer as tokensLayer } from "../../../src/adapters/node/Tokens.ts"
import { serve } from "../../../src/adapters/ws/WebSockets.ts"
import { Chats } from "../../../src/commands/Chats.ts"
import { Dispatcher } from "../../../src/commands/dispatch.ts"
import { openLobby } from "../../../src/commands/firstStart.ts"
import { Heartbeats } from "../../../src/commands/Heartbeats.ts"
import { Limits } from "../../../src/commands/Limits.ts"
import { Tokens } from "../../../src/commands/Tokens.ts"
import { layer as SettingsLayer } from "../../../src/config.ts"
import { Digest } from "../../../src/domain/Digest.ts"
import { EventLog } from "../../../src/domain/EventLog.ts"
import { Project, ProjectCommand } from "../../../src/domain/Project.ts"
import { Entrance } from "../../../src/operations/Entrance.ts"
import { Projected } from "../../../src/projections/Projected.ts"
import { type Frame, ReadModel, ReadModelUnavailable } from "../../../src/projections/ReadModel.ts"
import { Roster, type RosterMember } from "../../../src/projections/Roster.ts"
import { envelope, FreshDispatcher } from "../../support/commands.ts"

export const project = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`

export const member = (slug: string, over: Partial<RosterMember> = {}): RosterMember => ({
  _tag: "Known",
  id: `id-${slug}`,
  slug,
  name: slug,
  type: "agent",
  role: "member",
  capabilities: [],
  chat_listen: "all",
  task_listen: "all",
  prompt: null,
  model: null,
  token_hash: "",
  is_enabled: true,
  created_at: "2026-03-01T10:30:00.000Z",
  updated_at: "2026-03-01T10:30:00.000Z",
  ...over,
})

export const said = (seq: number, project_id: string | null, over: Partial<Frame> = {}): Frame =>
  ({
    seq,
    idx: 0,
    project_id,
    kind: "message.new",
    audience: { author: "zoe", author_type: "human", mentions: [] },
    payload: { id: `message-${seq}` },
    ...over,
  }) as Frame

/** The parts of the server's surroundings that a test sees, and changes at will. */
export class Surroundings extends Context.Service<
  Surroundings,
  {
    /**
     * The read model: its frames, its position, up to where frames are gone, whether it is away, and
     * for how many milliseconds its answers are on their way, one after the other.
     */
    readonly model: {
      frames: Array<Frame>
      seq: number
      kept: number
      isAway: boolean
      reads: number
      delays: Array<number>
    }
    /** Adds frames and announces them. */
    readonly publish: (...frames: ReadonlyArray<Frame>) => void
    /** Adds frames, and the announcement is lost. */
    readonly publishSilently: (...frames: ReadonlyArray<Frame>) => void
    readonly announce: (seq: number) => void
    /** Changes or adds a member, as the log would. Gives its token. */
    readonly enrol: (member: RosterMember, token?: string) => string
    readonly beats: Array<string>
    readonly seen: Set<string>
    readonly server: Server
    readonly port: number
  }
>()("test/adapters/ws/Surroundings") {}

const listening = Effect.acquireRelease(
  Effect.callback<Server>((resume) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.sync(() => server.close()),
)

const faked = Effect.gen(function* () {
  const tokens = yield* Tokens
  const members = new Map<string, RosterMember>()
  const hashes = new Map<string, RosterMember>()
  const changes = yield* PubSub.unbounded<RosterMember>()
  const positions = yield* PubSub.sliding<number>({ capacity: 1, replay: 1 })
  const model = {
    frames: new Array<Frame>(),
    seq: 0,
    kept: 0,
    isAway: false,
    reads: 0,
    delays: new Array<number>(),
  }
  const beats = new Array<string>()
  const seen = new Set<string>()
  const server = yield* listening
  const { port } = server.address() as AddressInfo

  const add = (frames: ReadonlyArray<Frame>) => {
    model.frames.push(...frames)
    model.seq = Math.max(model.seq, ...frames.map(({ seq }) => seq))
  }
  const announce = (seq: number) => void PubSub.publishUnsafe(positions, seq)
  const ask = <A>(answer: () => A) =>
    Effect.suspend(() => {
      if (model.isAway) return Effect.fail(new ReadModelUnavailable({ reason: "away" }))
      const seen = { seq: model.seq, value: answer() }
      const delay = model.delays.shift()
      if (delay === undefined) return Effect.succeed(seen)
      model.delays.push(delay)
      return Effect.as(Effect.sleep(delay), seen)
    })
  const unused = () => Effect.die(new Error("not for this test"))

  const context = Context.empty().pipe(
    Context.add(
      Surroundings,
      Surroundings.of({
        model,
        announce,
        beats,
        seen,
        server,
        port,
        publishSilently: (...frames) => add(frames),
        publish: (...frames) => {
          add(frames)
          announce(model.seq)
        },
        enrol: (member, token = `tb-${member.slug}`) => {
          const known = { ...member, token_hash: tokens.hash(token) }
          const before = members.get(member.slug)
          if (before !== undefined) hashes.delete(before.token_hash)
          members.set(member.slug, known)
          hashes.set(known.token_hash, known)
          PubSub.publishUnsafe(changes, known)
          return token
        },
      }),
    ),
    Context.add(
      Roster,
      Roster.of({
        bySlug: (slug) => members.get(slug),
        byToken: (hash) => hashes.get(hash),
        changes: Stream.fromPubSub(changes),
        caughtUp: () => Effect.void,
      }),
    ),
    Context.add(
      Projected,
      Projected.of({
        changes: Stream.fromPubSub(positions),
        current: Effect.sync(() => model.seq),
        lull: Effect.void,
        note: () => Effect.void,
        reached: () => Effect.succeed(true),
      }),
    ),
    Context.add(
      Heartbeats,
      Heartbeats.of({
        seen: ({ slug }) => Effect.sync(() => void seen.add(slug)),
        gone: () => Effect.void,
        beat: ({ slug }, status) => Effect.sync(() => void beats.push(`${slug} ${status}`)),
      }),
    ),
    Context.add(
      ReadModel,
      ReadModel.of({
        welcome: ask(() => ({
          projects: [{ id: project(1), slug: "team-board", name: "Team Board" }],
          online: [...members.keys()],
        })),
        feed: ({ after, limit, upTo }) =>
          ask(() => {
            model.reads++
            const found = model.frames.filter(({ seq }) => seq > after && seq <= upTo)
            const last = found[limit - 1]?.seq ?? Number.POSITIVE_INFINITY
            return { frames: found.filter(({ seq }) => seq <= last), kept: model.kept }
          }),
        standing: Effect.sync(() => ({ seq: model.seq, log: "memory", hash: "", parked: 0 })),
        projects: unused,
        project: unused,
        tasks: unused,
        task: unused,
        held: unused,
        history: unused,
        messages: unused,
        message: unused,
        replies: unused,
        members: unused,
        member: unused,
        owed: unused,
        owing: unused(),
        silent: unused,
      }),
    ),
  )
  return context
})

const settingsLayer = (env: Record<string, string>) =>
  SettingsLayer.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))), Layer.orDie)

/** A WebSocket server on real sockets, with a log in memory and a read model that the test plays. */
export const crew = (env: Record<string, string> = {}) => {
  const started = Layer.effectDiscard(
    Effect.gen(function* () {
      const { port, server } = yield* Surroundings
      yield* openLobby()
      yield* serve(server, `http://127.0.0.1:${port}`)
    }).pipe(Effect.orDie),
  )
  return started.pipe(
    Layer.provideMerge(Entrance.layer),
    Layer.provideMerge([Chats.layer, Limits.layer]),
    Layer.provideMerge(FreshDispatcher),
    Layer.provideMerge(Layer.effectContext(faked)),
    Layer.provideMerge([MemoryLog, DigestLayer, tokensLayer([new Uint8Array(32)]), settingsLayer(env)]),
  )
}

/** A frame as it came: tests look into it freely. */
type Json = Readonly<Record<string, ReturnType<typeof JSON.parse>>>

/** A client: everything it was sent, and how its connection ended. */
export class Client {
  readonly ws: WebSocket
  readonly received: Array<Json> = []
  closed: number | undefined

  constructor(port: number, options: ClientOptions = {}) {
    this.ws = new WebSocket(`ws://127.0.0.1:${port}/ws`, { perMessageDeflate: false, ...options })
    this.ws.on("message", (data: Buffer) => this.received.push(JSON.parse(data.toString())))
    this.ws.on("close", (code) => {
      this.closed = code
    })
    this.ws.on("error", () => {})
  }

  readonly opened = Effect.callback<void>((resume) => {
    if (this.ws.readyState === WebSocket.OPEN) return resume(Effect.void)
    this.ws.once("open", () => resume(Effect.void))
    this.ws.once("close", () => resume(Effect.void))
  })

  send(frame: unknown): void {
    this.ws.send(typeof frame === "string" ? frame : JSON.stringify(frame))
  }
  of(type: string): ReadonlyArray<Json> {
    return this.received.filter((frame) => frame["type"] === type)
  }
  get first(): Json {
    return this.received[0] ?? {}
  }
  /** The positions of everything that was pushed. */
  get seqs(): ReadonlyArray<number> {
    return this.received.flatMap(({ seq, type }) =>
      type !== "heartbeat.ok" && typeof seq === "number" ? [seq] : [],
    )
  }
}

/** A connection that is cut with the scope. */
export const connect = (options?: ConstructorParameters<typeof Client>[1]) =>
  Effect.gen(function* () {
    const { port } = yield* Surroundings
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => new Client(port, options)),
      ({ ws }) => Effect.sync(() => ws.terminate()),
    )
    yield* client.opened
    return client
  })

/** Looks again until it is so. */
export const until = (what: string, isSo: () => boolean) =>
  Effect.sync(isSo).pipe(
    Effect.repeat({ until: (is) => is, schedule: Schedule.spaced("2 millis") }),
    Effect.timeoutOrElse({
      duration: "8 seconds",
      orElse: () => Effect.die(new Error(`it never came to this: ${what}`)),
    }),
  )

export const closedWith = (client: Client) =>
  Effect.as(
    until("closed", () => client.closed !== undefined),
    undefined,
  ).pipe(Effect.map(() => client.closed))

/** A client that has been greeted. */
export const join = (token: string, auth: object = {}) =>
  Effect.gen(function* () {
    const client = yield* connect()
    client.send({ type: "auth", token, ...auth })
    yield* until("greeted", () => client.received.length > 0)
    return client
  })

/** Waits until everything that was sent before has been handled. */
export const settled = (client: Client) =>
  Effect.gen(function* () {
    const before = client.of("heartbeat.ok").length
    client.send({ type: "heartbeat", status: "online" })
    yield* until("heartbeat.ok", () => client.of("heartbeat.ok").length > before)
  })

const { CreateProject } = ProjectCommand.cases

/** Puts a project on the log, which the greeting does not tell of. */
export const found = Effect.fnUntraced(function* (n: number) {
  const dispatcher = yield* Dispatcher
  const id = project(n)
  const command = CreateProject.make({
    id,
    name: `Project ${n}`,
    slug: `project-${n}`,
    description: null,
    repo_urls: [],
    prefix: `P${n}`,
    chat_id: id,
  })
  yield* Effect.orDie(dispatcher.dispatch(Project, id, command, envelope(`:${id}`)))
})

export const logEnd = Effect.flatMap(EventLog, (log) => Effect.map(log.head, ({ last }) => last))
export const lobby = Effect.map(Digest, (digest) => digest.uuidOf("chat:lobby"))
export type Needs = Scope.Scope | Surroundings | EventLog | Digest | Dispatcher
