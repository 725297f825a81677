import { Effect } from "effect"
import { HttpServer } from "../../../src/adapters/http/HttpServer.ts"
import { ADMIN_TOKEN } from "./door.ts"

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // What a test knows of a body, it asserts.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

export interface Asked {
  readonly token?: string | undefined
  readonly key?: string | undefined
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

/** The beginning of an answer that does not end by itself; a refusal as it is. */
export const opened = Effect.fnUntraced(function* (method: string, path: string, asked: Asked = {}) {
  const { url } = yield* HttpServer
  const ending = new AbortController()
  const response = yield* Effect.promise(() =>
    fetch(`${url}${path}`, {
      method,
      headers: {
        ...(asked.token === undefined ? {} : { authorization: `Bearer ${asked.token}` }),
        ...asked.headers,
      },
      signal: ending.signal,
    }),
  )
  const { headers, status } = response
  const body: unknown = status < 400 ? undefined : yield* Effect.promise(() => response.json())
  ending.abort()
  return { status, headers, body } as Answer
})

/** A request over a real socket; `body` goes as JSON, a string as it is. */
export const request = (method: string, path: string, asked: Asked = {}) =>
  Effect.flatMap(HttpServer, ({ url }) => requestAt(url, method, path, asked))

/** The same to another door. */
export const requestAt = (url: string, method: string, path: string, asked: Asked = {}) => {
  const { body, headers, key, token } = asked
  const init: RequestInit = {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(key === undefined ? {} : { "idempotency-key": key }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  }
  return Effect.promise(async (): Promise<Answer> => {
    const response = await fetch(`${url}${path}`, init)
    const text = await response.text()
    const isJson = (response.headers.get("content-type") ?? "").includes("json")
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
  })
}

/** The same as the first admin, under `/api/v1`. */
export const asAdmin = (method: string, path: string, body?: unknown, asked: Asked = {}) =>
  request(method, `/api/v1${path}`, { token: ADMIN_TOKEN, body, ...asked })

export const as =
  (token: string) =>
  (method: string, path: string, body?: unknown, asked: Asked = {}) =>
    request(method, `/api/v1${path}`, { token, body, ...asked })

/** A new member's token. */
export const join = Effect.fnUntraced(function* (slug: string, more: object = {}) {
  const answer = yield* asAdmin("POST", "/members", { name: slug, slug, type: "agent", ...more })
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
  return answer.body.token as string
})

export const newProject = (slug: string) => asAdmin("POST", "/projects", { name: slug, slug })

export const newTask = Effect.fnUntraced(function* (project: string, more: object = {}) {
  const answer = yield* asAdmin("POST", `/tasks?project_slug=${project}`, { title: "Ship it", ...more })
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
  return answer.body as { readonly id: string; readonly key: string }
})
