import type { Schema } from "effect"
import type { OpenTask } from "../domain/Task.ts"
import type { Commit } from "./Commit.ts"
import { type Message, messagesIn } from "./Messages.ts"
import type { Frame, TaskAudience } from "./ReadModel.ts"
import type { TableWrites } from "./Writes.ts"
import { bigint, defineTable, instant, json, nullable, oneOf, smallint, text } from "./Table.ts"

/**
 * The frames that the WebSocket pushes, each of them a row (architecture.md section 7). `at` never goes back,
 * whatever the clocks of the nodes said, so that the frames that are too old always come first. The newest of
 * those stays: its `seq` says up to where frames are gone.
 */
export const feed = defineTable({
  name: "feed",
  columns: {
    seq: bigint,
    idx: smallint,
    at: instant,
    project_id: nullable(text),
    kind: oneOf<Frame["kind"] | "start">(),
    audience: json<Frame["audience"]>(),
    payload: json<Schema.JsonObject>(),
  },
  key: ["seq", "idx"],
  appendOnly: true,
  indices: ["(seq, idx)"],
  seed: [
    {
      seq: 0,
      idx: 0,
      at: "1970-01-01T00:00:00.000Z",
      project_id: null,
      kind: "start",
      audience: {},
      payload: {},
    },
  ],
})

/** The frames that these writes add. */
export const framesIn = (writes: ReadonlyArray<TableWrites>): ReadonlyArray<Frame> =>
  // Only `framesOf` makes rows of this table.
  writes.flatMap(({ puts, table }) => (table === feed ? (puts as unknown as ReadonlyArray<Frame>) : []))

type Draft = Omit<Frame, "seq" | "idx">

/** The frames of a commit: the state right after it, whatever comes later in the batch. */
export const framesOf = (commit: Commit): ReadonlyArray<Draft> => {
  switch (commit.type) {
    case "chat":
      return messagesIn(commit).map(messageFrame)
    case "task":
      return [...messagesIn(commit).map(messageFrame), ...taskFrames(commit)]
    case "presence":
      return commit.events.map(({ slug, to: status }) => ({
        project_id: null,
        kind: "agent.status",
        audience: {},
        payload: { slug, status },
      }))
    default:
      return []
  }
}

const messageFrame = (message: Message): Draft => {
  const {
    author_name,
    author_slug,
    author_type,
    chat_id,
    content,
    created_at,
    id,
    mentions,
    project_id,
    task_id,
  } = message
  return {
    project_id,
    kind: "message.new",
    audience: { author: author_slug, author_type, mentions },
    payload: { id, chat_id, task_id, author_type, author_slug, author_name, content, mentions, created_at },
  }
}

type TaskCommit = Extract<Commit, { readonly type: "task" }>
type TaskFrameKind = Exclude<Frame["kind"], "message.new" | "agent.status">

/** The frames of a task: at most one of each kind, however many events the command had. */
const taskFrames = ({ after, before, events }: TaskCommit): ReadonlyArray<Draft> => {
  const was = before._tag === "Open" ? before : undefined
  const task = after._tag === "Open" ? after : was
  if (task === undefined) return []
  const kinds = new Set(events.map(kindOf))
  const told: ReadonlyArray<TaskFrameKind> = kinds.has("task.deleted") ? ["task.deleted"] : [...kinds]
  const { assignee_slug, id, key, project_id, status, title } = task
  const payload = { id, key, title, status, assignee_slug, project_id }
  return told.map((kind) => ({ project_id, kind, audience: audienceOf(task, was), payload }))
}

const kindOf = ({ _tag }: TaskCommit["events"][number]): TaskFrameKind => {
  switch (_tag) {
    case "TaskCreated":
      return "task.created"
    case "TaskTaken":
    case "TaskAssigned":
      return "task.assigned"
    case "TaskDeleted":
      return "task.deleted"
    default:
      return "task.updated"
  }
}

/**
 * The members that a frame concerns. A holder, reviewer or watcher who has just lost the task hears of it as those who
 * watch it do.
 */
const audienceOf = (task: OpenTask, was: OpenTask | undefined): TaskAudience => {
  const { assignee_slug: assignee, reviewer_slug: reviewer } = task
  const before = was === undefined ? [] : [was.assignee_slug, was.reviewer_slug, ...was.watchers]
  const lost = before.filter((slug) => slug !== null && slug !== assignee && slug !== reviewer)
  return { assignee, reviewer, watchers: [...new Set([...task.watchers, ...lost])] as ReadonlyArray<string> }
}
