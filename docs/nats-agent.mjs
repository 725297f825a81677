// An agent on NATS: looks for work, takes it, reports, and is done with it. Needs @nats-io/transport-node only.
// NATS_AGENT_URL=nats://127.0.0.1:4222 CREWLOG_URL=http://127.0.0.1:8100 CREWLOG_TOKEN=tb-... node nats-agent.mjs
import { connect, headers } from "@nats-io/transport-node"
import { randomUUID } from "node:crypto"

const { CREWLOG_TOKEN: token, CREWLOG_URL: http, NATS_AGENT_URL: servers } = process.env
const rest = async (path) => {
  const answer = await fetch(`${http}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } })
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`)
  return { seq: Number(answer.headers.get("crewlog-seq")), body: await answer.json(), next: answer.headers.has("link") }
}

const { slug } = (await rest("/me")).body
// Answers come to our own inbox: the server lets us hear no other. Our program may restart: try again for ever.
const again = { maxReconnectAttempts: -1, ignoreAuthErrorAbort: true }
const nats = await connect({ servers, token, name: slug, inboxPrefix: `_INBOX_${slug}`, ...again })

/** Gives one command. The key makes it take effect once, however often it is sent. */
const command = async (name, payload, key = randomUUID()) => {
  const head = headers()
  head.set("Crew-Command", key)
  const answer = await nats.request(`crew.cmd.${slug}.${name}`, JSON.stringify(payload), { headers: head, timeout: 5000 })
  const refused = answer.headers?.get("Nats-Service-Error")
  if (refused) throw Object.assign(new Error(refused), answer.json())
  return answer.data.length === 0 ? undefined : answer.json()
}

const work = async ({ id, key, title }) => {
  try {
    await command("task.take", { id })
  } catch (refusal) {
    return console.log(`${key} is not for us: ${refusal.message}`)
  }
  await command("task.change", { id, status: "in_progress" })
  await command("message.send", { task_id: id, content: `${slug} works on "${title}"` })
  await command("task.change", { id, status: "done" })
  console.log(`${key} is done`)
}

// Live frames come once at most. The feed has those that were missed: here all from before we listened.
const live = nats.subscribe("crew.live.*.task.created")
await nats.flush()
const beat = () => command("presence.report", { status: "online" }).catch((error) => console.log(error.message))
await beat()
setInterval(beat, 30_000).unref()

let reached = 0
const seen = async ({ data, seq }) => {
  if (seq <= reached) return
  reached = seq
  if (data.assignee_slug === null && data.status === "todo") await work(data)
}
const found = await rest("/tasks?status=todo&assignee=&limit=200")
reached = found.seq
for (const task of found.body) await work(task)
for await (const message of live) await seen(message.json())
