import { Schema } from "effect"
import { Slug, Uuid } from "../../domain/Ids.ts"
import { ReportedStatus } from "../../domain/Presence.ts"
import {
  AdmissionBody,
  AssignmentBody,
  MemberBody,
  MemberChangesBody,
  MessageBody,
  NewMemberBody,
  NewMessageBody,
  NewProjectBody,
  NewStepBody,
  NewTaskBody,
  ProjectBody,
  ProjectChangesBody,
  RejectionBody,
  StepBody,
  StepChangesBody,
  TaskBody,
  TaskChangesBody,
  TokenBody,
} from "../http/bodies.ts"

/** A command as agents give it on NATS: JSON in, JSON out; nothing out where REST answers 204. */
interface AgentCommand {
  readonly summary: string
  readonly input: Schema.Codec<unknown, unknown>
  readonly output?: Schema.Codec<unknown, unknown>
}

const task = { id: Uuid }
const step = { ...task, step_id: Uuid }
/** The caller, or, for admins, whom it acts for. */
const acting = { slug: Schema.optionalKey(Slug) }

/**
 * Every mutation of REST, and the heartbeat of WebSocket, by the end of its subject,
 * `crew.cmd.<agent>.<name>`. What REST has in path, query and body stands in one object.
 */
export const agentCommands = {
  "project.create": { summary: "Creates a project (admins)", input: NewProjectBody, output: ProjectBody },
  "project.change": {
    summary: "Changes or archives a project (admins)",
    input: Schema.Struct({ slug: Slug, ...ProjectChangesBody.fields }),
    output: ProjectBody,
  },
  "task.create": {
    summary: "Creates a task",
    input: Schema.Struct({ project_slug: Slug, ...NewTaskBody.fields }),
    output: TaskBody,
  },
  "task.change": {
    summary: "Changes any fields of a task",
    input: Schema.Struct({ ...task, ...TaskChangesBody.fields }),
    output: TaskBody,
  },
  "task.remove": { summary: "Deletes a task", input: Schema.Struct(task) },
  "task.take": {
    summary: "Takes a task; its claim is in the answer",
    input: Schema.Struct({ ...task, ...acting }),
    output: TaskBody,
  },
  "task.reject": {
    summary: "Gives a task back with a reason",
    input: Schema.Struct({ ...task, ...RejectionBody.fields }),
    output: TaskBody,
  },
  "task.assign": {
    summary: "Assigns a task to someone",
    input: Schema.Struct({ ...task, ...AssignmentBody.fields }),
    output: TaskBody,
  },
  "task.watch": {
    summary: "Watches a task",
    input: Schema.Struct({ ...task, ...acting }),
    output: TaskBody,
  },
  "task.unwatch": {
    summary: "Watches a task no longer",
    input: Schema.Struct({ ...task, ...acting }),
    output: TaskBody,
  },
  "task.step.add": {
    summary: "Adds a step to a task",
    input: Schema.Struct({ ...task, ...NewStepBody.fields }),
    output: StepBody,
  },
  "task.step.change": {
    summary: "Changes a step, or says that it is done",
    input: Schema.Struct({ ...step, ...StepChangesBody.fields }),
    output: StepBody,
  },
  "task.step.remove": { summary: "Removes a step", input: Schema.Struct(step) },
  "message.send": {
    summary: "Says something in a chat or on a task",
    input: NewMessageBody,
    output: MessageBody,
  },
  "member.register": { summary: "Registers a member (admins)", input: NewMemberBody, output: AdmissionBody },
  "member.change": {
    summary: "Changes a member's configuration; admins also its role, and whether it is enabled",
    input: Schema.Struct({ slug: Slug, ...MemberChangesBody.fields }),
    output: MemberBody,
  },
  "member.rotate": {
    summary: "A new token for a member; connections by the old one are cut",
    input: Schema.Struct({ slug: Slug }),
    output: TokenBody,
  },
  "presence.report": {
    summary: "A sign of life, at least every 90 seconds",
    input: Schema.Struct({ status: ReportedStatus }),
  },
} as const satisfies Record<string, AgentCommand>

export type CommandName = keyof typeof agentCommands
export type InputOf<Name extends CommandName> = (typeof agentCommands)[Name]["input"]["Type"]

export const commandNames = Object.keys(agentCommands) as ReadonlyArray<CommandName>

/** What all agents' commands of one name come in on. */
export const subjectOf = (name: CommandName): string => `crew.cmd.*.${name}`
