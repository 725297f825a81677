import { randomUUID } from "node:crypto"
import { setTimeout as pause } from "node:timers/promises"
import { expect, Mismatch } from "./expect.ts"
import { type Frame, Socket } from "./Socket.ts"

// The shapes of the public interface, as far as the story needs them.

export interface Project {
  readonly id: string
  readonly name: string
  readonly slug: string
  readonly chat_id: string
}
export interface Task {
  readonly id: string
  readonly key: string
  readonly title: string
  readonly status: string
  readonly assignee_slug: string | null
  readonly claim: number | null
  readonly depends_on: ReadonlyArray<string>
}
export interface Step {
  readonly id: string
  readonly title: string
  readonly done: boolean
}
export interface HistoryEntry {
  readonly seq: number
  readonly event: string
  readonly data: Readonly<Record<string, unknown>>
  readonly actor: string
  readonly at: string
}
export interface Problem {
  readonly code: string
  readonly detail: string
  readonly holder?: string
  readonly claim?: number | null
  readonly open?: ReadonlyArray<{ readonly key: string }>
}

/** An answer as it came; `seq` is the log position that it is the state of. */
export interface Answer {
  readonly status: number
  readonly seq: number
  readonly body: unknown
}

type Method = "GET" | "POST" | "PATCH" | "DELETE"
interface Extras {
  readonly body?: object
  /** The Idempotency-Key; a new one where the story names none. */
  readonly key?: string | undefined
  /** The claim that the change is based on. */
  readonly claim?: number | undefined
}

const PATIENCE = 15_000

/** A server as the crew knows it. */
export interface ServerOfCrew {
  readonly url: string
  /** The newest log position that anybody of the crew knows of: nobody reads anything older. */
  seen: number
}

/** A member of the crew: whatever it does goes over REST, whatever it hears comes over its socket. */
export class Member {
  readonly slug: string
  readonly #place: ServerOfCrew
  readonly #token: string
  #socket: Socket | undefined

  constructor(place: ServerOfCrew, slug: string, token: string) {
    this.#place = place
    this.slug = slug
    this.#token = token
  }

  /** The connection of now. */
  get socket(): Socket {
    if (this.#socket === undefined) throw new Error(`${this.slug} is not connected`)
    return this.#socket
  }

  /** Connects, subscribed to the project from the start; with `resume` where a connection ended before. */
  async connect(
    { id }: Project,
    resume?: { readonly resume: number; readonly epoch: string },
  ): Promise<Socket> {
    const url = new URL("/ws", this.#place.url)
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:"
    this.#socket = await Socket.open(this.slug, url.href, { token: this.#token, projects: [id], ...resume })
    return this.#socket
  }

  /** Takes a task that must be free, or its own already; the answer holds the claim. */
  async take({ id, key }: Task): Promise<Task & { readonly claim: number }> {
    const task = await this.post<Task>(`/tasks/${id}/take?slug=${this.slug}`)
    const { claim } = task
    expect(`${this.slug} holds ${key} now`, task.assignee_slug, this.slug)
    if (claim === null)
      throw new Mismatch(`the taking of ${key} is answered with a claim`, "a position", claim)
    return { ...task, claim }
  }

  /** The same, where it may well be refused. */
  async tryToTake({ id }: Task): Promise<Answer> {
    return await this.send("POST", `/tasks/${id}/take?slug=${this.slug}`)
  }

  async move({ id, key }: Task, status: string, claim?: number): Promise<void> {
    const task = await this.patch<Task>(`/tasks/${id}`, { status }, { claim })
    expect(`${key} is ${status} now`, task.status, status)
  }

  async comment({ id }: Task, content: string): Promise<void> {
    await this.post("/messages", { task_id: id, content })
  }

  /** Adds a step and ticks it. */
  async tick({ id }: Task, title: string, claim: number): Promise<void> {
    const step = await this.post<Step>(`/tasks/${id}/steps`, { title }, { claim })
    const { done } = await this.patch<Step>(`/tasks/${id}/steps/${step.id}`, { done: true }, { claim })
    expect(`the step "${title}" is ticked`, done, true)
  }

  /** Leaves in order. */
  leave(): void {
    this.#socket?.close()
  }

  /** Sends a request that must be accepted. */
  async get<Body>(path: string): Promise<Body> {
    return (await this.#accepted("GET", path, {})).body as Body
  }
  async post<Body>(path: string, body?: object, extras: Extras = {}): Promise<Body> {
    return (await this.#accepted("POST", path, body === undefined ? extras : { ...extras, body }))
      .body as Body
  }
  async patch<Body>(path: string, body: object, extras: Extras = {}): Promise<Body> {
    return (await this.#accepted("PATCH", path, { ...extras, body })).body as Body
  }

  /** Sends a request and gives whatever comes back. Repeats it, with its key, while the server can't answer now. */
  async send(
    method: Method,
    path: string,
    { body, claim, key = randomUUID() }: Extras = {},
  ): Promise<Answer> {
    const request = {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(method === "GET" ? { "crewlog-min-seq": String(this.#place.seen) } : { "idempotency-key": key }),
        ...(claim === undefined ? {} : { "crewlog-claim": String(claim) }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }
    const until = performance.now() + PATIENCE
    for (;;) {
      const response = await fetch(new URL(`/api/v1${path}`, this.#place.url), {
        ...request,
        signal: AbortSignal.timeout(PATIENCE),
      })
      const text = await response.text()
      if (response.status === 503 && performance.now() < until) {
        await pause(1000 * Number(response.headers.get("retry-after") ?? 1))
        continue
      }
      const seq = Number(response.headers.get("crewlog-seq") ?? 0)
      this.#place.seen = Math.max(this.#place.seen, seq)
      return { status: response.status, seq, body: text === "" ? undefined : JSON.parse(text) }
    }
  }

  async #accepted(method: Method, path: string, extras: Extras): Promise<Answer> {
    const answer = await this.send(method, path, extras)
    if (answer.status < 300) return answer
    throw new Mismatch(
      `${this.slug} may ${method} ${path}`,
      "2xx",
      `${answer.status} ${JSON.stringify(answer.body)}`,
    )
  }
}

/** Checks that an answer is this refusal, and gives what it says. */
export const refusal = (claim: string, { body, status }: Answer, expected: number, code: string): Problem => {
  const problem = (body ?? {}) as Problem
  expect(claim, { status, code: problem.code }, { status: expected, code })
  return problem
}

/**
 * The frames of one member that another was to be sent as well, had it been there: with the same filters they
 * are the same, but nobody is told of its own status, and an agent not of its own words.
 */
export const meantFor = (slug: string, frames: ReadonlyArray<Frame>): ReadonlyArray<Frame> =>
  frames.filter(
    ({ data, type }) =>
      !(type === "agent.status" && data["slug"] === slug) &&
      !(type === "message.new" && data["author_slug"] === slug && data["author_type"] === "agent"),
  )
