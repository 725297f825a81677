// peer.mjs append <postgres url> <streams> | peer.mjs project <postgres url>
// The same events through Emmett on PostgreSQL: each command appended with its expected version, 64 at a time;
// then projected into a document for each task, as its consumer does it. Prints one line of JSON.
import { randomUUID } from "node:crypto"
import { Client } from "pg"
import { getPostgreSQLEventStore, pongoSingleStreamProjection } from "@event-driven-io/emmett-postgresql"

const [what, url, streams = "0"] = process.argv.slice(2)
const IN_FLIGHT = 64
const types = ["TaskCreated", "TaskTaken", "TaskMoved", "TaskStepAdded", "TaskStepChanged"]

const eventsOf = (id, number) => [
  {
    type: "TaskCreated",
    data: {
      id,
      project_id: "3f0f4f0e-6a53-4c52-9a8e-4f1f4f1d7c5b",
      number,
      key: `BE-${number}`,
      title: `Task ${number}: make the report of the month complete`,
      description:
        "Collect the numbers, compare them with those of last month, and say what changed and why.",
      type: "task",
      status: "todo",
      priority: "medium",
      labels: ["report"],
      parent_id: null,
      reviewer_slug: null,
      position: number,
      time_spent: 0,
      depends_on: [],
      created_by: "admin",
    },
  },
  { type: "TaskTaken", data: { assignee_slug: "agent-1" } },
  { type: "TaskMoved", data: { from: "todo", to: "in_progress" } },
  { type: "TaskStepAdded", data: { step_id: randomUUID(), title: `Step of ${number}` } },
  { type: "TaskMoved", data: { from: "in_progress", to: "done" } },
]

const evolve = (task, { type, data }) => {
  switch (type) {
    case "TaskCreated":
      return { ...task, ...data }
    case "TaskTaken":
      return { ...task, assignee_slug: data.assignee_slug }
    case "TaskMoved":
      return { ...task, status: data.to }
    case "TaskStepAdded":
      return { ...task, steps: [...task.steps, { id: data.step_id, title: data.title, done: false }] }
    default:
      return task
  }
}

const append = async () => {
  const store = getPostgreSQLEventStore(url)
  await store.schema.migrate()
  const count = Number(streams)
  const times = []
  let next = 0
  const work = async () => {
    while (next < count) {
      const number = ++next
      const id = randomUUID()
      let version
      for (const event of eventsOf(id, number)) {
        const started = performance.now()
        const { nextExpectedStreamVersion } = await store.appendToStream(`task-${id}`, [event], {
          expectedStreamVersion: version ?? "STREAM_DOES_NOT_EXIST",
        })
        times.push(performance.now() - started)
        version = nextExpectedStreamVersion
      }
    }
  }
  const started = performance.now()
  await Promise.all(Array.from({ length: IN_FLIGHT }, work))
  const seconds = (performance.now() - started) / 1000
  await store.close()
  times.sort((one, other) => one - other)
  return { events: times.length, seconds, p50: times[Math.floor(times.length / 2)] }
}

/** What stands in the documents now: whether all of it was projected. */
const projected = async () => {
  const client = new Client(url)
  await client.connect()
  const { rows } = await client.query(
    "select count(*)::int as documents, count(*) filter (where data->>'status' = 'done')::int as done from tasks",
  )
  await client.end()
  return rows[0]
}

const project = async () => {
  const store = getPostgreSQLEventStore(url)
  const projection = pongoSingleStreamProjection({
    collectionName: "tasks",
    canHandle: types,
    initialState: () => ({ assignee_slug: null, steps: [] }),
    evolve,
  })
  const consumer = store.consumer({
    stopWhen: { noMessagesLeft: true },
    pulling: { batchSize: 1000, pullingFrequencyInMs: 1 },
  })
  consumer.projector({ processorId: "tasks", projection })
  const started = performance.now()
  await consumer.start()
  const seconds = (performance.now() - started) / 1000
  await consumer.close()
  await store.close()
  return { seconds, ...(await projected()) }
}

console.log(JSON.stringify(await (what === "append" ? append() : project())))
process.exit(0)
