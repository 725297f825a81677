import { Effect, Result } from "effect"
import { ProjectNotFound } from "../../domain/Project.ts"
import type { Asked } from "../../operations/Asked.ts"
import { AlreadyAuthenticated, TooManySubscriptions, TooManyWaiting } from "../../operations/EdgeRefusal.ts"
import { refusalOf } from "../../operations/refusals.ts"
import type { RosterMember } from "../../projections/Roster.ts"
import { askedBy } from "./askedBy.ts"
import { type ClientFrame, type FrameOf, readFrame, SUBSCRIPTIONS } from "./clientFrames.ts"
import { type Closing, closings } from "./closeCodes.ts"
import type { Connection } from "./Connection.ts"
import type { Crew } from "./Crew.ts"
import type { Cut, Listener } from "./Listener.ts"
import { type FrameId, type FrameProblem, problem, problemOf } from "./problems.ts"
import { sendMessage } from "./sendMessage.ts"
import * as serverFrames from "./serverFrames.ts"
import { startOf } from "./startOf.ts"

/** Frames that wait for `auth.ok`, or messages that wait for the log. */
const WAITING = 256

type Subscription = FrameOf<"project.subscribe" | "project.unsubscribe">

/**
 * The conversation on one connection, from `auth` to the end (tracker.md). Frames are answered in the order
 * in which they come. All of it runs in the socket's own events, except what has to ask somebody: the
 * welcome, whether a project is there, and what is written to the log.
 */
export class Session implements Listener {
  readonly #crew: Crew
  readonly #connection: Connection
  #member: RosterMember | undefined
  /** The frames that came between `auth` and its answer. */
  #held: Array<ClientFrame> | undefined
  readonly #unsaid: Array<FrameOf<"chat.send">> = []
  #speaks = false

  readonly projects = new Map<string, number>()
  readonly outbox: Array<Buffer> = []
  live = false
  reached = 0
  cutAt: Cut | undefined

  constructor(crew: Crew, connection: Connection) {
    this.#crew = crew
    this.#connection = connection
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
    if (Result.isFailure(admitted)) {
      const asked = Result.isSuccess(read) ? read.success : { type: read.failure.ref, id: read.failure.id }
      return this.#refuse(problem(admitted.failure, asked))
    }
    if (Result.isFailure(read)) return this.#refuse(read.failure)
    if (this.#held === undefined) return this.#handle(read.success, this.#member)
    if (this.#held.length >= WAITING) {
      return this.#refuse(problem(new TooManyWaiting({ what: "frames wait for auth.ok" }), read.success))
    }
    this.#held.push(read.success)
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
    this.#unsaid.length = 0
    this.#held = undefined
  }

  #refuse(problem: FrameProblem): void {
    this.#connection.send(serverFrames.error(problem))
  }

  #reject(message: string, id: FrameId | undefined): void {
    this.#connection.send(serverFrames.authError(message, { id }))
    this.close(closings.badToken)
  }

  #greet(read: Result.Result<ClientFrame, FrameProblem>): void {
    if (Result.isFailure(read)) return this.#reject(read.failure.message, read.failure.id)
    const frame = read.success
    if (frame.type !== "auth") return this.#reject("The first frame must be auth", frame.id)
    const found = this.#crew.entrance.byToken(frame.token)
    if (Result.isFailure(found)) return this.#reject("Invalid token", frame.id)
    const member = found.success
    this.#member = member
    if (!this.#crew.enter(this)) return this.close(closings.tooManyConnections)
    this.#held = []
    for (const project of frame.projects ?? []) this.#crew.hub.subscribe(this, project, 0)
    this.#crew.run(this.#join(frame, member))
  }

  #join(frame: FrameOf<"auth">, member: RosterMember): Effect.Effect<void> {
    const { entrance, hub, welcome } = this.#crew
    return Effect.gen({ self: this }, function* () {
      yield* entrance.seen(member)
      const told = yield* welcome(member)
      const start = yield* startOf(this.#crew, frame, told.seq)
      if (!this.isOpen) return
      this.reached = start.from
      this.cutAt = start.cutAt
      const greeting = { ...told, seq: start.from }
      this.#connection.send(
        start.refused === undefined
          ? serverFrames.authOk(greeting, { id: frame.id })
          : serverFrames.resumeFailed(refusalOf(start.refused).code, greeting, { id: frame.id }),
      )
      const held = this.#held ?? []
      this.#held = undefined
      for (const next of held) this.#handle(next, member)
      yield* hub.join(this, start.first)
    }).pipe(
      Effect.catchCause((cause) =>
        Effect.map(problemOf(cause, frame), (problem) => {
          this.#refuse(problem)
          this.close(closings.unavailable)
        }),
      ),
    )
  }

  #asked(member: RosterMember): Asked {
    return askedBy(member, this.#crew.uuid())
  }

  #handle(frame: ClientFrame, member: RosterMember): void {
    const { beat, hub, run } = this.#crew
    if (!this.isOpen) return
    switch (frame.type) {
      case "auth":
        return this.#refuse(problem(new AlreadyAuthenticated(), frame))
      case "heartbeat":
        run(Effect.ignore(beat(frame.status, this.#asked(member))))
        return this.#connection.send(serverFrames.heartbeatOk(hub.reachedBy(this), { id: frame.id }))
      case "project.subscribe":
        return this.#subscribe(frame)
      case "project.unsubscribe":
        hub.unsubscribe(this, frame.project_id)
        return this.#confirm("project.unsubscribed", frame)
      case "chat.send":
        return this.#say(frame)
      case "ack":
        return
    }
  }

  /** Subscriptions are answered only to those who gave the frame an id. */
  #confirm(type: "project.subscribed" | "project.unsubscribed", { id, project_id }: Subscription): void {
    if (id === undefined) return
    this.#connection.send(serverFrames.subscribed(type, project_id, this.#crew.hub.reachedBy(this), { id }))
  }

  /** Holds at once; a project that turns out not to be there is taken back. */
  #subscribe(frame: FrameOf<"project.subscribe">): void {
    const { hub, run } = this.#crew
    const { project_id } = frame
    if (this.projects.has(project_id)) return this.#confirm("project.subscribed", frame)
    if (this.projects.size >= SUBSCRIPTIONS) {
      return this.#refuse(problem(new TooManySubscriptions({ limit: SUBSCRIPTIONS }), frame))
    }
    hub.subscribe(this, project_id)
    run(
      Effect.map(this.#isUnknown(project_id), (isUnknown) => {
        if (!isUnknown) return this.#confirm("project.subscribed", frame)
        hub.unsubscribe(this, project_id)
        this.#refuse(problem(new ProjectNotFound(), frame))
      }),
    )
  }

  /** Nobody is told that a project is not there because the log is away. */
  #isUnknown(project: string): Effect.Effect<boolean> {
    return this.#crew.isProject(project).pipe(
      Effect.map((isThere) => !isThere),
      Effect.catch(() => Effect.succeed(false)),
    )
  }

  /** Messages of one connection go to the log one after the other. */
  #say(frame: FrameOf<"chat.send">): void {
    if (this.#unsaid.length >= WAITING) {
      return this.#refuse(problem(new TooManyWaiting({ what: "messages wait" }), frame))
    }
    this.#unsaid.push(frame)
    if (this.#speaks) return
    this.#speaks = true
    this.#crew.run(this.#speak())
  }

  #speak(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const token_hash = this.#member?.token_hash ?? ""
      for (let frame = this.#unsaid.shift(); frame !== undefined; frame = this.#unsaid.shift()) {
        this.#connection.send(yield* sendMessage(this.#crew, token_hash, frame))
      }
      this.#speaks = false
    })
  }
}
