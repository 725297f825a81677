import { Deferred, Effect, Result } from "effect"
import { ProjectNotFound } from "../../domain/Project.ts"
import type { Asked } from "../../operations/Asked.ts"
import {
  AlreadyAuthenticated,
  type FeedExpired,
  TooManySubscriptions,
  TooManyWaiting,
} from "../../operations/EdgeRefusal.ts"
import { refusalOf } from "../../operations/refusals.ts"
import type { RosterMember } from "../../projections/Roster.ts"
import { askedBy } from "./askedBy.ts"
import { type ClientFrame, type FrameOf, readFrame, SUBSCRIPTIONS } from "./clientFrames.ts"
import { type Closing, closings } from "./closeCodes.ts"
import type { Connection } from "./Connection.ts"
import type { Crew } from "./Crew.ts"
import type { Cut, Listener, Since } from "./Listener.ts"
import { type FrameId, type FrameProblem, problem, problemOf } from "./problems.ts"
import { sendMessage } from "./sendMessage.ts"
import * as serverFrames from "./serverFrames.ts"
import type { Greeting } from "./serverFrames.ts"
import { startOf } from "./startOf.ts"

/** Frames that wait for their turn. */
const WAITING = 256
/** Projects of `auth` that are asked for at once. */
const AT_ONCE = 8

type Subscription = FrameOf<"project.subscribe" | "project.unsubscribe">
/** A frame as it was read. */
type Read = Result.Result<ClientFrame, FrameProblem>

/**
 * The talk on one connection, from `auth` to the end (tracker.md). Frames are answered in the order in which they
 * come: one that has to ask somebody (the welcome, whether a project is there, what is written to the log) holds up
 * those behind it; the others are answered in the socket's own events.
 */
export class Session implements Listener {
  readonly #crew: Crew
  readonly #connection: Connection
  #member: RosterMember | undefined
  /** Frames that came while one before them was not answered yet. */
  readonly #waiting: Array<Read> = []
  #isAnswering = false
  /** The position that the connection was resumed from. */
  #since: Since | undefined
  /** Done when everything up to now was told for the first time. */
  readonly #joined = Deferred.makeUnsafe<void>()
  /** Projects that were subscribed to before; who comes back to one begins anew. */
  readonly #begun = new Set<string>()
  readonly #source: string

  readonly projects = new Map<string, number>()
  readonly outbox: Array<Buffer> = []
  live = false
  reached = 0
  cutAt: Cut | undefined

  constructor(crew: Crew, connection: Connection) {
    this.#crew = crew
    this.#connection = connection
    this.#source = crew.uuid()
  }

  /** Empty before `auth`. */
  get slug(): string {
    return this.#member?.slug ?? ""
  }
  get isAuthenticated(): boolean {
    return this.#member !== undefined
  }
  get isOpen(): boolean {
    return this.#connection.isOpen
  }
  get drained(): Effect.Effect<void> {
    return this.#connection.drained
  }
  write(frames: ReadonlyArray<Buffer>): void {
    this.#connection.write(frames)
  }
  close(closing: Closing): void {
    this.#connection.close(closing)
  }

  /** Takes a frame of the client. */
  receive(text: string): void {
    if (!this.isOpen) return
    const read = readFrame(text)
    if (this.#member === undefined) return this.#greet(read)
    const admitted = Effect.runSync(Effect.result(this.#crew.entrance.admit(this.#member)))
    if (Result.isSuccess(admitted)) this.#noteLife(read, this.#member)
    this.#inTurn(
      Result.isFailure(admitted) ? Result.fail(problem(admitted.failure, askedIn(read))) : read,
      this.#member,
    )
  }

  /** A heartbeat counts when it comes, whatever its answer has to wait for. */
  #noteLife(read: Read, member: RosterMember): void {
    if (Result.isFailure(read) || read.success.type !== "heartbeat") return
    const { beat, run } = this.#crew
    run(Effect.ignore(beat(read.success.status, this.#asked(member))))
  }

  #inTurn(read: Read, member: RosterMember): void {
    if (!this.#isAnswering) return this.#begin(this.#answer(read, member), member)
    if (this.#waiting.length < WAITING) this.#waiting.push(read)
    else this.#refuse(problem(new TooManyWaiting({ what: "frames wait" }), askedIn(read)))
  }

  /** Goes on with what is asked of somebody, and then with the frames that came meanwhile. */
  #begin(asking: Effect.Effect<void> | undefined, member: RosterMember): void {
    if (asking === undefined) return
    this.#isAnswering = true
    this.#crew.run(
      Effect.andThen(asking, this.#goOn(member)).pipe(
        Effect.tapCause(() => Effect.sync(() => this.close(closings.unavailable))),
      ),
    )
  }

  #goOn(member: RosterMember): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      for (let read = this.#waiting.shift(); read !== undefined; read = this.#waiting.shift()) {
        yield* this.#answer(read, member) ?? Effect.void
      }
      this.#isAnswering = false
    })
  }

  /** Closes the connection if the token that opened it no longer counts. */
  checkToken(): void {
    if (this.#member === undefined) return
    if (Result.isSuccess(this.#crew.entrance.byTokenHash(this.#member.token_hash))) return
    this.close(closings.tokenRevoked)
  }

  /** The socket is gone. */
  over(): void {
    this.#connection.closed()
    this.#crew.hub.leave(this)
    this.#waiting.length = 0
    Deferred.doneUnsafe(this.#joined, Effect.void)
    const { entrance, run } = this.#crew
    if (this.#member !== undefined) run(entrance.gone(this.#member, this.#source))
  }

  #refuse(problem: FrameProblem): void {
    this.#connection.send(serverFrames.error(problem))
  }

  #reject(message: string, id: FrameId | undefined): void {
    this.#connection.send(serverFrames.authError(message, { id }))
    this.close(closings.badToken)
  }

  #greet(read: Read): void {
    if (Result.isFailure(read)) return this.#reject(read.failure.message, read.failure.id)
    const frame = read.success
    if (frame.type !== "auth") return this.#reject("The first frame must be auth", frame.id)
    const found = this.#crew.entrance.byToken(frame.token)
    if (Result.isFailure(found)) return this.#reject("Invalid token", frame.id)
    const member = found.success
    this.#member = member
    if (!this.#crew.enter(this)) return this.close(closings.tooManyConnections)
    for (const project of frame.projects ?? []) this.#listenTo(project, 0)
    this.#begin(this.#join(frame, member), member)
  }

  #listenTo(project: string, from?: number): void {
    this.#begun.add(project)
    this.#crew.hub.subscribe(this, project, from)
  }

  #join(frame: FrameOf<"auth">, member: RosterMember): Effect.Effect<void> {
    const { entrance, hub, run, welcome } = this.#crew
    return Effect.gen({ self: this }, function* () {
      yield* entrance.seen(member)
      const told = yield* welcome(member)
      const { first, ...start } = yield* startOf(this.#crew, frame, told.seq)
      if (!this.isOpen) return
      this.reached = start.from
      this.cutAt = start.cutAt
      const greeting = { ...told, seq: start.from }
      this.#connection.send(
        start.refused === undefined
          ? serverFrames.authOk(greeting, { id: frame.id })
          : serverFrames.resumeFailed(refusalOf(start.refused).code, greeting, { id: frame.id }),
      )
      if (frame.resume !== undefined && start.refused === undefined) this.#since = start
      run(Effect.andThen(hub.join(this, first), Deferred.succeed(this.#joined, undefined)))
      yield* this.#refuseUnknown(frame, told.projects)
    }).pipe(
      Effect.catchCause((cause) =>
        Effect.map(problemOf(cause, frame), (problem) => {
          this.#refuse(problem)
          this.close(closings.unavailable)
        }),
      ),
    )
  }

  /** Tells which projects of `auth` are not there. Those of the greeting are, and need not be asked for. */
  #refuseUnknown(frame: FrameOf<"auth">, known: Greeting["projects"]): Effect.Effect<void> {
    const open = new Set(known.map(({ id }) => id))
    const others = [...new Set(frame.projects)].filter((project) => !open.has(project))
    const check = (project: string) =>
      Effect.map(this.#isUnknown(project), (isUnknown) => {
        if (isUnknown) this.#takeBack(project, frame)
      })
    return Effect.forEach(others, check, { concurrency: AT_ONCE, discard: true })
  }

  /** A subscription to a project that turns out not to be there. */
  #takeBack(project_id: string, frame: ClientFrame): void {
    this.#crew.hub.unsubscribe(this, project_id)
    this.#begun.delete(project_id)
    this.#refuse({ ...problem(new ProjectNotFound(), frame), data: { project_id } })
  }

  #asked(member: RosterMember): Asked {
    return askedBy(member, this.#crew.uuid(), this.#source)
  }

  /** Answers a frame, at once or by an effect where somebody has to be asked. */
  #answer(read: Read, member: RosterMember): Effect.Effect<void> | undefined {
    if (!this.isOpen) return undefined
    if (Result.isFailure(read)) return void this.#refuse(read.failure)
    const { hub } = this.#crew
    const frame = read.success
    switch (frame.type) {
      case "auth":
        return void this.#refuse(problem(new AlreadyAuthenticated(), frame))
      case "heartbeat":
        return void this.#connection.send(serverFrames.heartbeatOk(hub.reachedBy(this), { id: frame.id }))
      case "project.subscribe":
        return this.#subscribe(frame)
      case "project.unsubscribe":
        hub.unsubscribe(this, frame.project_id)
        return void this.#confirm("project.unsubscribed", frame)
      case "chat.send":
        return Effect.map(sendMessage(this.#crew, member.token_hash, frame), (answer) =>
          this.#connection.send(answer),
        )
      case "ack":
        return undefined
    }
  }

  /** Subscriptions are answered only to those who gave the frame an id. */
  #confirm(type: "project.subscribed" | "project.unsubscribed", { id, project_id }: Subscription): void {
    if (id === undefined) return
    this.#connection.send(serverFrames.subscribed(type, project_id, this.#crew.hub.reachedBy(this), { id }))
  }

  /** Holds at once; a project that turns out not to be there is taken back. */
  #subscribe(frame: FrameOf<"project.subscribe">): Effect.Effect<void> | undefined {
    const { project_id } = frame
    if (this.projects.has(project_id)) return void this.#confirm("project.subscribed", frame)
    if (this.projects.size >= SUBSCRIPTIONS) {
      return void this.#refuse(problem(new TooManySubscriptions({ limit: SUBSCRIPTIONS }), frame))
    }
    const since = this.#begun.has(project_id) ? undefined : this.#since
    if (since === undefined) this.#listenTo(project_id)
    return Effect.gen({ self: this }, function* () {
      if (yield* this.#isUnknown(project_id)) return this.#takeBack(project_id, frame)
      if (since !== undefined) yield* this.#makeUp(project_id, since)
      this.#confirm("project.subscribed", frame)
    }).pipe(Effect.catch((expired) => Effect.sync(() => this.#refuse(problem(expired, frame)))))
  }

  /** A connection that was resumed is told all that it missed of a project, whenever it names it. */
  #makeUp(project_id: string, since: Since): Effect.Effect<void, FeedExpired> {
    return Effect.gen({ self: this }, function* () {
      yield* Deferred.await(this.#joined)
      yield* this.#crew.hub.makeUp(this, project_id, since)
      this.#begun.add(project_id)
    })
  }

  /** Nobody is told that a project is not there because the log is away. */
  #isUnknown(project: string): Effect.Effect<boolean> {
    return this.#crew.isProject(project).pipe(
      Effect.map((isThere) => !isThere),
      Effect.catch(() => Effect.succeed(false)),
    )
  }
}

/** The type and the id of a frame, also of one that could not be read. */
const askedIn = (read: Read) =>
  Result.isSuccess(read) ? read.success : { type: read.failure.ref, id: read.failure.id }
