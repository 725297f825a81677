import { Arbitrary, Effect, Schema } from "effect"
import { randomUUID } from "node:crypto"
import type { Aggregate } from "../../src/domain/Aggregate.ts"
import { Allowance, AllowanceCommand } from "../../src/domain/Allowance.ts"
import { Backend, BackendCommand, Backoff } from "../../src/domain/Backend.ts"
import { Chat, ChatCommand } from "../../src/domain/Chat.ts"
import { Gateway, GatewayCommand, gatewayId } from "../../src/domain/Gateway.ts"
import { Member, MemberCommand } from "../../src/domain/Member.ts"
import { Plan, PlanCommand } from "../../src/domain/Plan.ts"
import { Prefix, PrefixCommand } from "../../src/domain/Prefix.ts"
import { Presence, PresenceCommand } from "../../src/domain/Presence.ts"
import { Project, ProjectCommand } from "../../src/domain/Project.ts"
import { Task, TaskCommand, TaskFacts } from "../../src/domain/Task.ts"
import { Tree, TreeCommand } from "../../src/domain/Tree.ts"
import { histories, uuids, withFacts } from "../domain/histories.ts"
import { FreeTask } from "../support/commands.ts"
import { CrewLog } from "./CrewLog.ts"

type Give = (log: CrewLog) => void

/** For each id a history of valid commands; those of creation are about the id itself. */
const given = <State, Command extends object, Event extends { readonly _tag: string }, Refusal, Facts = void>(
  of: Aggregate<State, Command, Event, Refusal, Facts>,
  commands: Schema.Schema<Command>,
  seed: string,
  ids = uuids,
  factsSchema: Schema.Schema<Facts> = Schema.Undefined as unknown as Schema.Schema<Facts>,
): ReadonlyArray<ReadonlyArray<Give>> => {
  const { aggregate, given } = withFacts(of, commands, factsSchema)
  const lots = Effect.runSync(Arbitrary.sampleEffect(histories(given), { count: ids.length, size: 60, seed }))
  return ids.map((id, index) =>
    (lots[index] ?? []).map(({ command, facts }) => (log) => {
      log.giveKeyed(aggregate, id, { command: about(of.type, id, command), facts })
    }),
  )
}

const about = <Command extends object>(type: string, id: string, command: Command): Command => ({
  ...command,
  ...("id" in command ? { id } : {}),
  ...(type === "chat" && "task_id" in command && command.task_id !== null ? { task_id: id } : {}),
})

/** Some hundred records of all types of aggregate, in turn; the same for the same seed. */
export const randomCrew = (seed: string, log = new CrewLog()): CrewLog => {
  const lines = [
    ...given(Project, ProjectCommand, `${seed} project`),
    ...given(Prefix, PrefixCommand, `${seed} prefix`, ["TE", "TEA"]),
    ...given(Plan, PlanCommand, `${seed} plan`, uuids.slice(0, 2)),
    ...given(
      Task,
      TaskCommand,
      `${seed} task`,
      [...uuids, ...uuids.map((id) => id.replace("-5000-", "-5001-"))],
      TaskFacts,
    ),
    ...given(Member, MemberCommand, `${seed} member`),
    ...given(Presence, PresenceCommand, `${seed} presence`),
    ...given(Chat, ChatCommand, `${seed} chat`),
    ...given(Backend, BackendCommand, `${seed} backend`, ["bkd_00000000000a", "bkd_00000000000b"], Backoff),
    ...given(Gateway, GatewayCommand, `${seed} gateway`, [gatewayId]),
    ...given(Allowance, AllowanceCommand, `${seed} allowance`, uuids.slice(0, 2)),
    ...given(Tree, TreeCommand, `${seed} tree`, uuids.slice(0, 2)),
  ]
  for (let turn = 0; lines.some((line) => turn < line.length); turn++) {
    for (const line of lines) line[turn]?.(log)
  }
  return log
}

const ada = { slug: "ada", name: "Ada", type: "human", role: "admin" } as const
const agent = (slug: string) => ({ slug, name: slug, type: "agent", role: "member" }) as const
export const projectId = "3f0f4f0e-6a53-4c52-9a8e-4f1f4f1d7c5b"

const { AssignTask, ChangeTask, CreateTask, DeleteTask, RejectTask, TakeTask, UnwatchTask, WatchTask } =
  TaskCommand.cases

/** Commands as an example needs them, on one log. */
export const crewOn = (log = new CrewLog()) => ({
  log,
  create: (fields: Partial<typeof CreateTask.Type> = {}) => {
    const id = fields.id ?? randomUUID()
    const command = CreateTask.make({
      actor: ada,
      id,
      project_id: projectId,
      number: 1,
      key: "TE-1",
      title: "Fix login bug",
      description: "",
      type: "bug",
      status: "todo",
      priority: "high",
      labels: ["frontend"],
      parent_id: null,
      reviewer_slug: null,
      position: 0,
      time_spent: 0,
      depends_on: [],
      assignee_slug: null,
      ...fields,
    })
    log.give(FreeTask, id, command)
    return id
  },
  take: (id: string, slug: string) => log.give(FreeTask, id, TakeTask.make({ actor: agent(slug), slug })),
  assign: (id: string, slug: string) => log.give(FreeTask, id, AssignTask.make({ actor: ada, slug })),
  watch: (id: string, slug: string) => log.give(FreeTask, id, WatchTask.make({ actor: ada, slug })),
  unwatch: (id: string, slug: string) => log.give(FreeTask, id, UnwatchTask.make({ actor: ada, slug })),
  reject: (id: string, slug: string, comment_id: string) =>
    log.give(FreeTask, id, RejectTask.make({ actor: agent(slug), slug, reason: "not mine", comment_id })),
  change: (id: string, changes: (typeof ChangeTask.Type)["changes"]) =>
    log.give(FreeTask, id, ChangeTask.make({ actor: ada, changes })),
  remove: (id: string) => log.give(FreeTask, id, DeleteTask.make({ actor: ada })),
  post: (
    place: { readonly chat: string; readonly project_id?: string | null; readonly task_id?: string | null },
    content: string,
    over: {
      readonly parent_id?: string | null
      readonly mentions?: ReadonlyArray<string>
      readonly slug?: string
    } = {},
  ) => {
    const message_id = randomUUID()
    const { chat, project_id = null, task_id = null } = place
    const { mentions = [], parent_id = null, slug = "ada" } = over
    const author = { slug, name: slug.toUpperCase(), type: "agent" } as const
    const said = { message_id, parent_id, author, content, mentions }
    log.give(Chat, chat, ChatCommand.cases.PostMessage.make({ project_id, task_id, ...said }))
    return message_id
  },
  open: (id: string, kind: "lobby" | "project", project_id: string | null = null) =>
    log.give(Chat, id, ChatCommand.cases.OpenChat.make({ id, kind, project_id, task_id: null })),
  project: (slug: string, over: Partial<typeof ProjectCommand.cases.CreateProject.Type> = {}) => {
    const id = over.id ?? randomUUID()
    const command = ProjectCommand.cases.CreateProject.make({
      id,
      name: slug,
      slug,
      description: null,
      repo_urls: [],
      prefix: "TE",
      chat_id: randomUUID(),
      ...over,
    })
    log.give(Project, id, command)
    return id
  },
  archive: (id: string) =>
    log.give(Project, id, ProjectCommand.cases.ChangeProject.make({ status: "archived" })),
  member: (slug: string) => {
    const id = randomUUID()
    const command = MemberCommand.cases.RegisterMember.make({
      id,
      slug,
      type: "agent",
      name: slug.toUpperCase(),
      role: "member",
      capabilities: [],
      chat_listen: "mentions",
      task_listen: "all",
      prompt: null,
      model: null,
      token_hash: "0".repeat(64),
    })
    log.give(Member, id, command)
    return id
  },
  report: (member: string, slug: string, status: "online" | "busy" | "idle") =>
    log.give(Presence, member, PresenceCommand.cases.ReportPresence.make({ slug, status })),
  plan: (task_id: string, depends_on: ReadonlyArray<string>) =>
    log.give(Plan, projectId, PlanCommand.cases.PlanDependencies.make({ task_id, depends_on })),
})
