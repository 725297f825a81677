import type { Actor } from "../../src/domain/Actor.ts"
import type { AnyOperation } from "../../src/operations/operations.ts"

/** The kinds of callers: an agent about its own things or another's, a person and an admin about another agent's. */
export const callers = ["own", "foreign", "human", "admin"] as const
export type Caller = (typeof callers)[number]

/** The code of the refusal that a caller gets, or undefined where it is let through. */
export type Verdicts = Readonly<Partial<Record<Caller, string>>>

type Right = AnyOperation["may"]["name"]

/** The verdicts of each right: the one thing here that is written down by hand, and it is no row. */
export const verdictsOf: Readonly<Record<Right, Verdicts>> = {
  anyone: {},
  oneself: { foreign: "not_yourself", human: "not_yourself" },
  "oneself, rights by admins": { foreign: "not_yourself", human: "not_yourself" },
  admins: { own: "admins_only", foreign: "admins_only", human: "admins_only" },
  holder: { foreign: "task_already_taken" },
  creator: { foreign: "not_allowed" },
}

/** Things of `owner`, who made all of them with its own token: a held task, a free one, and their parts. */
export interface Things {
  readonly owner: string
  readonly held: string
  readonly free: string
  readonly step: string
  readonly message: string
  readonly chat: string
  readonly project: string
  readonly backend: string
  /** A slug that was never used before. */
  readonly fresh: string
}

const taskOf = ({ name }: AnyOperation, { free, held }: Things) =>
  ["task.take", "task.watch"].includes(name) ? free : held

/** The value of a field that names something, by the field's name and its operation. */
const named = (row: AnyOperation, things: Things): Readonly<Record<string, unknown>> => {
  const [group] = row.name.split(".")
  const isMade = row.kind === "command" && row.of === undefined
  return {
    id: group === "task" ? taskOf(row, things) : group === "backend" ? things.backend : things.message,
    step_id: things.step,
    task_id: things.held,
    chat_id: things.chat,
    project_slug: things.project,
    slug: isMade ? things.fresh : group === "project" ? things.project : things.owner,
  }
}

/** An operation's example about these things. What is held is moved, so that rights of holders are tried. */
export const inputOf = (row: AnyOperation, things: Things): Readonly<Record<string, unknown>> => {
  const names = named(row, things)
  const example: Readonly<Record<string, unknown>> = {
    ...row.example.input,
    ...(row.may.name === "oneself" && "slug" in row.input ? { slug: "" } : {}),
  }
  const about = Object.fromEntries(
    Object.keys(row.input).flatMap((field) =>
      field in example && field in names
        ? [[field, names[field]]]
        : field in example
          ? [[field, example[field]]]
          : [],
    ),
  )
  if (row.may.name !== "holder") return about
  return { ...about, ...("assignee_slug" in row.input ? { assignee_slug: "cleo" } : { slug: "cleo" }) }
}

/** An actor of each kind, for rights that are asked without a door. */
export const actorOf = (caller: Caller): Actor => ({
  slug: caller === "own" ? "bob" : caller,
  name: caller,
  type: caller === "human" ? "human" : "agent",
  role: caller === "admin" ? "admin" : "member",
})
