import { Effect, Schema } from "effect"
import { CommandFailed } from "./CommandFailed.ts"

const WITHIN = 10_000

const Problem = Schema.Struct({ detail: Schema.String })
const isProblem = Schema.is(Problem)

interface Answer {
  readonly status: number
  readonly body: unknown
}

/** Asks the running server. Every status is an answer; that there is none is a failure. */
export const request = (url: string, options: { readonly method: string; readonly token?: string }) =>
  Effect.tryPromise({
    try: async (signal): Promise<Answer> => {
      const response = await fetch(url, {
        method: options.method,
        ...(options.token === undefined ? {} : { headers: { authorization: `Bearer ${options.token}` } }),
        redirect: "error",
        signal: AbortSignal.any([signal, AbortSignal.timeout(WITHIN)]),
      })
      const text = await response.text()
      return { status: response.status, body: parsed(text) }
    },
    catch: (error) =>
      new CommandFailed({
        message: `the server at ${new URL(url).origin} does not answer: ${reasonOf(error)}`,
      }),
  })

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error && error.cause.message !== "" ? error.cause.message : error.message
}

/** The server's refusal of a request. */
export const detailOf = ({ body, status }: Answer): string =>
  isProblem(body) ? body.detail : `status ${status}`
