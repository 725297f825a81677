// An agent on NATS, in one project: goes on with what it holds, takes what is free, reports, and is done with it.
// NATS_AGENT_URL=nats://127.0.0.1:4222 CREWLOG_URL=http://127.0.0.1:8100 CREWLOG_TOKEN=tb-... \
//   CREWLOG_PROJECT=team-board node docs/nats-agent.mjs     Needs @nats-io/transport-node only.
import { connect, headers } from "@nats-io/transport-node"
import { randomUUID } from "node:crypto"

const { CREWLOG_PROJECT, CREWLOG_TOKEN: token, CREWLOG_URL: http, NATS_AGENT_URL: servers } = process.env
const get = async (path) => {
  const answer = await fetch(`${http}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } })
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`)
  const next = /<\/api\/v1([^>]+)>/.exec(answer.headers.get("link"))?.[1]
  return { body: await answer.json(), next }
}

const { slug } = (await get("/me")).body
const project = [(await get(CREWLOG_PROJECT ? `/projects/${CREWLOG_PROJECT}` : "/projects")).body].flat()[0]
// Answers come to our own inbox: we may hear no other. Crewlog may restart: log in again for ever.
const more = { inboxPrefix: `_INBOX_${slug}`, maxReconnectAttempts: -1, ignoreAuthErrorAbort: true }
const nats = await connect({ servers, token, name: slug, ...more })

/** Gives one command. Repeated with the same key it takes effect once. */
const command = async (name, payload, key = randomUUID()) => {
  const options = { headers: headers(), timeout: 5000 }
  options.headers.set("Crew-Command", key)
  const answer = await nats.request(`crew.cmd.${slug}.${name}`, JSON.stringify(payload), options)
  const refused = answer.headers?.get("Nats-Service-Error")
  if (refused) throw new Error(refused)
  return answer.data.length === 0 ? undefined : answer.json()
}

// Done again by one that died half-way: what is so already changes nothing, and the comment has a key of its own.
const work = async ({ id, key, title }) => {
  await command("task.take", { id })
  await command("task.change", { id, status: "in_progress" })
  await command("message.send", { task_id: id, content: `${slug} works on "${title}"` }, `${id}-comment`)
  await command("task.change", { id, status: "done" })
  console.log(`${key} is done`)
}
const tried = (task) => work(task).catch((error) => console.log(`${task.key}: ${error.message}`))

const doAll = async (path) => {
  const { body, next } = await get(path)
  for (const task of body) if (task.status !== "done") await tried(task)
  if (next !== undefined) await doAll(next)
}
const tasks = (filter) => `/tasks?project_slug=${project.slug}&${filter}`

// Live frames come once at most, and none while the connection is made again: they only say that there may be more.
let news = Promise.withResolvers()
nats.subscribe(`crew.live.${project.id}.task.created`, { callback: () => news.resolve() })
await nats.flush()
setInterval(() => command("presence.report", { status: "online" }).catch(console.error), 30_000).unref()
setInterval(() => news.resolve(), 5000).unref()
await doAll(tasks(`assignee=${slug}`))
for (;;) {
  news = Promise.withResolvers()
  await doAll(tasks("status=todo&assignee=")).catch((error) => console.log(`looks again: ${error.message}`))
  await news.promise
}
