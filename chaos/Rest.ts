import { Agent, request } from "node:http"
import type { Scene } from "./Scene.ts"

export interface Answer {
  readonly status: number
  /** The body as it came, parsed. */
  readonly body: Json
  readonly seq: number
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
}
export type Json = Readonly<Record<string, ReturnType<typeof JSON.parse>>>

/** The end of a request without an answer, which leaves open whether the command took effect. */
export class NoAnswer extends Error {}

export interface Ask {
  readonly method?: string
  readonly path: string
  readonly token: string
  readonly body?: unknown
  /** In place of `body`: sent as it is. */
  readonly raw?: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
  readonly within?: number
}

/** A REST client over connections that it keeps, as a client library would. */
export class Rest {
  readonly #agent = new Agent({ keepAlive: true })
  readonly #base: string

  constructor(scene: Scene, base: string) {
    scene.mustOwn(base)
    scene.onEnd(() => this.#agent.destroy())
    this.#base = base
  }

  ask({ body, headers, method, path, raw, token, within = 25_000 }: Ask): Promise<Answer> {
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body))
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => reject(new NoAnswer(error.message))
      const sent = request(
        `${this.#base}${path}`,
        {
          agent: this.#agent,
          method: method ?? (payload === undefined ? "GET" : "POST"),
          headers: {
            authorization: `Bearer ${token}`,
            ...(payload === undefined
              ? {}
              : { "content-type": "application/json", "content-length": Buffer.byteLength(payload) }),
            ...headers,
          },
        },
        (response) => {
          const parts: Array<Buffer> = []
          response.on("data", (part: Buffer) => parts.push(part))
          response.on("error", fail)
          response.on("close", () => clearTimeout(timer))
          response.on("aborted", () => fail(new Error("cut off")))
          response.on("end", () =>
            resolve({
              status: response.statusCode ?? 0,
              body: parsed(Buffer.concat(parts).toString()),
              seq: Number(response.headers["crewlog-seq"] ?? 0),
              headers: response.headers,
            }),
          )
        },
      )
      const timer = setTimeout(() => sent.destroy(new Error(`no answer within ${within} ms`)), within)
      sent.on("error", (error) => {
        clearTimeout(timer)
        fail(error)
      })
      sent.end(payload)
    })
  }
}

const parsed = (text: string): Json => {
  try {
    return JSON.parse(text) as Json
  } catch {
    return {}
  }
}
