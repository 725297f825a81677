import { Effect } from "effect"

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly seq: number
  // The bodies of many routes; what a test relies on it asserts.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

/** A member's way into a node's REST interface, or into another one that is spoken in the same way. */
export class Rest {
  readonly url: string
  readonly token: string
  readonly #base: string

  constructor(url: string, token: string, base = "/api/v1") {
    this.url = url
    this.token = token
    this.#base = base
  }

  /** Never fails for an answer, whatever its status; dies when there is none. */
  send(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Effect.Effect<Answer> {
    return Effect.promise(() => this.call(method, path, body, headers))
  }

  get = (path: string, headers?: Readonly<Record<string, string>>) =>
    this.send("GET", path, undefined, headers)
  post = (path: string, body: unknown = {}, headers?: Readonly<Record<string, string>>) =>
    this.send("POST", path, body, headers)

  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const answer = await fetch(`${this.url}${this.#base}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    return {
      status: answer.status,
      headers: answer.headers,
      seq: Number(answer.headers.get("crewlog-seq")),
      body: text === "" ? undefined : JSON.parse(text),
    }
  }
}
