import type { Board } from "./Board.ts"
import type { Client, Command } from "./Client.ts"
import { pause } from "./waiting.ts"

/** The claims that an agent remembers, outdated ones included: fencing is for those. */
type Claims = Map<string, number>

const change = (task: string, claim: number, title: string): Command => ({
  kind: "change",
  task,
  claim,
  method: "PATCH",
  path: `/api/v1/tasks/${task}`,
  body: { title },
  headers: { "crewlog-claim": String(claim) },
})

const chooseCommand = (
  { member, random }: Client,
  { agents, chat, tasks }: Board,
  claims: Claims,
): Command => {
  const task = random.pick(tasks)
  const claim = claims.get(task)
  const dice = random.next()
  if (dice < 0.35)
    return { kind: "take", task, method: "POST", path: `/api/v1/tasks/${task}/take?slug=${member.slug}` }
  if (dice < 0.55) {
    return {
      kind: "reject",
      task,
      path: `/api/v1/tasks/${task}/reject`,
      body: { slug: member.slug, reason: `not mine ${random.word(6)}` },
    }
  }
  if (dice < 0.7 && claim !== undefined) return change(task, claim, `by ${member.slug} ${random.word(12)}`)
  if (dice < 0.8)
    return { kind: "step", path: `/api/v1/tasks/${task}/steps`, body: { title: random.word(10) } }
  const mentions = random.chance(0.3) ? [random.pick(agents).slug, "watcher-own"] : []
  const place = random.chance(0.5) ? { chat_id: chat } : { task_id: task }
  return { kind: "message", path: "/api/v1/messages", body: { ...place, content: random.word(40), mentions } }
}

/** An agent at work until it is told to stop: takes, gives back, changes under its claims, talks. */
export const work = async (
  client: Client,
  board: Board,
  {
    isOver,
    mustEnd,
    think = 25,
  }: { readonly isOver: () => boolean; readonly mustEnd: () => boolean; readonly think?: number },
): Promise<void> => {
  const claims: Claims = new Map()
  while (!isOver()) {
    const command = chooseCommand(client, board, claims)
    // Some programs die with their question open.
    const patience = client.random.chance(0.03) ? client.random.between(0, 1) : Infinity
    let repeated = 0
    const call = await client.give(command, () => mustEnd() || ++repeated > patience)
    const claim = call.answer?.body["claim"]
    if (call.kind === "take" && call.task !== undefined && call.outcome === "accepted")
      claims.set(call.task, Number(claim))
    await pause(client.random.between(1, think))
  }
}
