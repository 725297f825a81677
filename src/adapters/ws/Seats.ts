import type { Connection } from "./Connection.ts"
import type { Entering } from "./Crew.ts"
import { closings } from "./closeCodes.ts"
import type { Session } from "./Session.ts"

const CONNECTIONS = 10_000
const CONNECTIONS_PER_MEMBER = 32

/** Milliseconds that a connection has for each thing that it must do. */
export interface Patience {
  readonly auth: number
  readonly pingEvery: number
  readonly pong: number
}

/** A connection and when it has to have done what: milliseconds of this node's clock. */
export interface Seat {
  readonly connection: Connection
  readonly session: Session
  readonly authBy: number
  pingAt: number
  pongBy: number
}

/** The connections of a node, bounded in all and for each member. */
export class Seats {
  readonly #patience: Patience
  readonly #all = new Set<Seat>()
  readonly #bySlug = new Map<string, Set<Entering>>()

  constructor(patience: Patience) {
    this.#patience = patience
  }

  get isFull(): boolean {
    return this.#all.size >= CONNECTIONS
  }
  get isEmpty(): boolean {
    return this.#all.size === 0
  }

  take(connection: Connection, session: Session, now: number): Seat {
    const { auth, pingEvery } = this.#patience
    const pongBy = Number.POSITIVE_INFINITY
    const seat = { connection, session, authBy: now + auth, pingAt: now + pingEvery, pongBy }
    this.#all.add(seat)
    return seat
  }

  leave(seat: Seat): void {
    this.#all.delete(seat)
    const { session } = seat
    session.over()
    const others = this.#bySlug.get(session.slug)
    others?.delete(session)
    if (others?.size === 0) this.#bySlug.delete(session.slug)
  }

  /** Counts a session that has authenticated; false when its member has too many. */
  enter(session: Entering): boolean {
    const others = this.#bySlug.get(session.slug) ?? new Set()
    if (others.size >= CONNECTIONS_PER_MEMBER) return false
    this.#bySlug.set(session.slug, others.add(session))
    return true
  }

  /** Closes a member's connections whose token no longer counts. */
  checkTokens(slug: string): void {
    for (const session of this.#bySlug.get(slug) ?? []) session.checkToken()
  }

  /** Looks at all connections at once, instead of a timer for each. */
  watch(now: number): void {
    for (const seat of this.#all) this.#watch(seat, now)
  }

  #watch(seat: Seat, now: number): void {
    const { connection, session } = seat
    const { pingEvery, pong } = this.#patience
    session.checkToken()
    if (!session.isAuthenticated && now >= seat.authBy) connection.close(closings.noAuth)
    if (now >= seat.pongBy) connection.close(closings.noPong)
    if (now < seat.pingAt) return
    connection.ping()
    seat.pingAt = now + pingEvery
    seat.pongBy = Math.min(seat.pongBy, now + pong)
  }

  /** Tells all that the node goes. */
  sayGoodbye(): void {
    for (const { connection } of this.#all) connection.close(closings.shuttingDown)
  }

  terminate(): void {
    for (const { connection } of this.#all) connection.terminate()
  }
}
