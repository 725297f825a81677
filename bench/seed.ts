import type { NatsConnection } from "@nats-io/nats-core"
import { randomUUID } from "node:crypto"
import type { Actor } from "../src/domain/Actor.ts"
import { knowing } from "../src/domain/Aggregate.ts"
import { Chat } from "../src/domain/Chat.ts"
import { Member } from "../src/domain/Member.ts"
import { Prefix } from "../src/domain/Prefix.ts"
import { Project } from "../src/domain/Project.ts"
import { Task } from "../src/domain/Task.ts"
import { digest, LogWriter } from "./LogWriter.ts"

export interface Agent {
  readonly slug: string
  readonly token: string
}

export interface Crew {
  readonly writer: LogWriter
  readonly project: { readonly id: string; readonly chat_id: string; readonly slug: string }
  readonly agents: ReadonlyArray<Agent>
  /** Tasks that nobody has taken yet. */
  readonly free: ReadonlyArray<string>
}

interface Wanted {
  readonly agents: number
  /** Tasks that nobody has taken yet. */
  readonly free: number
  /** Records of tasks that are done, on top of all else. */
  readonly records?: number
  readonly told?: (written: number) => void
}

const RECORDS_OF_A_TASK = 6
const TELL_EVERY = 100_000

const actorOf = (slug: string): Actor => ({ slug, name: slug, type: "agent", role: "member" })

/** A crew, its project and its tasks: a log as it would be after a while. */
export const seedCrew = async (
  connection: NatsConnection,
  { agents, free, records = 0, told = () => {} }: Wanted,
): Promise<Crew> => {
  const writer = new LogWriter(connection, 0, Date.now() - 6 * 3_600_000)
  const slug = "bench"
  const id = digest.uuidOf(`project:${slug}`)
  const chat_id = digest.uuidOf(`chat:project:${slug}`)
  const crew: Array<Agent> = []
  for (let n = 0; n < agents; n++) crew.push(await enrol(writer, `agent-${n}`))
  await writer.give(Prefix, "BE", { _tag: "ClaimPrefix", project_id: id }, "admin")
  await writer.give(
    Chat,
    chat_id,
    { _tag: "OpenChat", id: chat_id, kind: "project", project_id: id, task_id: null },
    "admin",
  )
  const fields = { name: "Bench", slug, description: null, repo_urls: [], prefix: "BE", chat_id }
  await writer.give(Project, id, { _tag: "CreateProject", id, ...fields }, "admin")

  let number = 0
  const create = async (): Promise<string> => {
    const task = randomUUID()
    number += 1
    await writer.give(Project, id, { _tag: "ReserveTaskNumber", task_id: task }, "admin")
    await writer.give(FreeTask, task, newTask(task, id, number), "admin")
    return task
  }
  const finish = async (task: string): Promise<void> => {
    const by = `agent-${number % Math.max(1, agents)}`
    const actor = actorOf(by)
    const move = (status: "in_progress" | "done") =>
      writer.give(FreeTask, task, { _tag: "ChangeTask", actor, changes: { status } }, by)
    await writer.give(FreeTask, task, { _tag: "TakeTask", actor, slug: by }, by)
    await move("in_progress")
    await writer.give(
      FreeTask,
      task,
      { _tag: "AddStep", step_id: randomUUID(), title: `Step of ${number}` },
      by,
    )
    await move("done")
    writer.forget({ type: "task", id: task })
  }

  for (let written = 0; written < records; written += RECORDS_OF_A_TASK) {
    await finish(await create())
    if (written % TELL_EVERY >= TELL_EVERY - RECORDS_OF_A_TASK) told(writer.last)
  }
  const open: Array<string> = []
  for (let n = 0; n < free; n++) open.push(await create())
  await writer.settled()
  return { writer, project: { id, chat_id, slug }, agents: crew, free: open }
}

const enrol = async (writer: LogWriter, slug: string): Promise<Agent> => {
  const token = `tb-${slug}-${randomUUID()}`
  await writer.give(
    Member,
    digest.uuidOf(`member:${slug}`),
    {
      _tag: "RegisterMember",
      id: digest.uuidOf(`member:${slug}`),
      name: slug,
      slug,
      type: "agent",
      role: "member",
      capabilities: [],
      chat_listen: "all",
      task_listen: "all",
      prompt: null,
      model: null,
      token_hash: digest.sha256(token),
    },
    "admin",
  )
  return { slug, token }
}

/** Tasks that wait for no other. */
export const FreeTask = knowing(Task, { open_dependencies: [] })

const newTask = (id: string, project_id: string, number: number) =>
  ({
    _tag: "CreateTask",
    actor: { slug: "admin", name: "Admin", type: "human", role: "admin" },
    id,
    project_id,
    number,
    key: `BE-${number}`,
    title: `Task ${number}: make the report of the month complete`,
    description: "Collect the numbers, compare them with those of last month, and say what changed and why.",
    type: "task",
    status: "todo",
    priority: "medium",
    labels: ["report"],
    parent_id: null,
    reviewer_slug: null,
    position: number,
    time_spent: 0,
    depends_on: [],
    assignee_slug: null,
  }) as const
