import type { Member } from "./Client.ts"
import type { Answer, Ask, Json, Rest } from "./Rest.ts"
import { pause } from "./waiting.ts"

/** The board that the agents of a run work on. */
export interface Board {
  readonly project: string
  readonly chat: string
  readonly tasks: ReadonlyArray<string>
  readonly agents: ReadonlyArray<Member>
  readonly watchers: ReadonlyArray<Member>
}

/** Asks as often as it takes; throws when the answer is another than it must be. */
export const must = async (rest: Rest, ask: Ask): Promise<Json> => {
  for (let tries = 0; ; tries++) {
    const answer: Answer | string = await rest.ask(ask).catch(String)
    if (typeof answer !== "string" && answer.status < 300) return answer.body
    const isAway = typeof answer === "string" || answer.status === 503
    if (!isAway || tries > 200) throw new Error(`${ask.path}: ${JSON.stringify(answer)}`)
    await pause(50)
  }
}

const enrol = async (rest: Rest, admin: string, slug: string, more: object): Promise<Member> => {
  const type = "type" in more && more.type === "human" ? "human" : "agent"
  const { token } = await must(rest, {
    path: "/api/v1/members",
    token: admin,
    body: { name: slug, slug, type, ...more },
    headers: { "idempotency-key": `enrol-${slug}` },
  })
  return { slug, token: String(token), type }
}

/** A project with contested tasks, agents that will contest them, and members who only watch. */
export const setUp = async (
  rest: Rest,
  admin: string,
  { agents, tasks }: { readonly agents: number; readonly tasks: number },
): Promise<Board> => {
  const project = await must(rest, {
    path: "/api/v1/projects",
    token: admin,
    body: { name: "Chaos", slug: "chaos" },
    headers: { "idempotency-key": "project" },
  })
  const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)
  const made: Array<string> = []
  for (const number of numbers(tasks)) {
    const task = await must(rest, {
      path: "/api/v1/tasks?project_slug=chaos",
      token: admin,
      body: { title: `Contested ${number}` },
      headers: { "idempotency-key": `task-${number}` },
    })
    made.push(String(task["id"]))
  }
  const enrolled: Array<Member> = []
  for (const number of numbers(agents)) enrolled.push(await enrol(rest, admin, `agent-${number}`, {}))
  return {
    project: String(project["id"]),
    chat: String(project["chat_id"]),
    tasks: made,
    agents: enrolled,
    watchers: [
      await enrol(rest, admin, "watcher-all", { type: "human" }),
      await enrol(rest, admin, "watcher-own", { chat_listen: "mentions", task_listen: "assigned" }),
    ],
  }
}
