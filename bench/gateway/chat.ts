import { request } from "../HttpLoad.ts"

const SYSTEM =
  "You are an engineer of a crew. You keep to its board and say what you do in few words. ".repeat(4)
const QUESTION = "Collect the numbers, compare them with last month's, and say what changed and why. ".repeat(
  6,
)

interface Asked {
  readonly path?: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly model: string
  readonly isStream: boolean
}

/** A request of about 1 KB for a chat completion, as OpenAI's clients send it. */
export const chat = ({ headers = {}, isStream, model, path, token = "sk-bench" }: Asked): Buffer => {
  const body = {
    model,
    messages: [
      { role: "system", content: SYSTEM },
      { role: "user", content: QUESTION },
    ],
    temperature: 0.2,
    ...(isStream ? { stream: true } : {}),
  }
  const client = { "User-Agent": "OpenAI/JS 7.57.0", Accept: "application/json", ...headers }
  return request("POST", path ?? "/v1/chat/completions", token, client, JSON.stringify(body))
}

/** The text and the name of the model in an answer, be it whole or a stream in chunks. */
export const read = (body: string): { readonly text: string; readonly model: string } => {
  const answers = [...body.matchAll(/\{"id":.*\}/g)].map(
    ([json]) =>
      JSON.parse(json) as {
        readonly model: string
        readonly choices: ReadonlyArray<{
          readonly message?: { readonly content: string }
          readonly delta?: { readonly content?: string }
        }>
      },
  )
  const choices = answers.flatMap(({ choices }) => choices)
  return {
    text: choices.map(({ delta, message }) => message?.content ?? delta?.content ?? "").join(""),
    model: answers[0]?.model ?? "",
  }
}
