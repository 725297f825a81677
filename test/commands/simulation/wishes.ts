import { Effect, Redacted } from "effect"
import type { Random } from "../../../chaos/Random.ts"
import { Allowances } from "../../../src/commands/Allowances.ts"
import { Backends } from "../../../src/commands/Backends.ts"
import { Chats } from "../../../src/commands/Chats.ts"
import type { Envelope } from "../../../src/commands/Envelope.ts"
import { Gateway } from "../../../src/commands/Gateway.ts"
import { Members } from "../../../src/commands/Members.ts"
import type { Outcome } from "../../../src/commands/Outcome.ts"
import { Projects } from "../../../src/commands/Projects.ts"
import { Tasks } from "../../../src/commands/Tasks.ts"
import type { AggregateType } from "../../../src/domain/Aggregate.ts"
import type { Services } from "./SimulatedNode.ts"

type Answered = Outcome<unknown, unknown>
export type Given = Effect.Effect<Answered, { readonly _tag: string }, Services>

/** Something that a member wants: it can be given to any node, again and again. */
export interface Wish {
  readonly name: string
  readonly aggregate: AggregateType
  readonly body: Readonly<Record<string, unknown>>
  readonly give: (envelope: Envelope) => Given
}

/** The world as clients know it from their answers. */
export interface Board {
  /** Tasks that wait for nothing and are never deleted: whose they are is what is judged. */
  readonly contested: ReadonlyArray<string>
  readonly agents: ReadonlyArray<string>
  readonly chat: string
  /** Tasks that wait for each other. */
  readonly planned: Array<string>
  readonly backends: Array<string>
}

const PROJECT = "team-board"

const wish = <Body extends Readonly<Record<string, unknown>>>(
  aggregate: AggregateType,
  name: string,
  body: Body,
  give: (body: Body, envelope: Envelope) => Given,
): Wish => ({ name, aggregate, body, give: (envelope) => give(body, envelope) })

const take = ({ contested }: Board, random: Random, slug: string) =>
  wish("task", "take", { id: random.pick(contested), slug }, ({ id, slug }, envelope) =>
    Tasks.use((tasks) => tasks.take({ id }, slug, envelope)),
  )

const reject = ({ contested }: Board, random: Random, slug: string) =>
  wish("task", "reject", { id: random.pick(contested), slug }, ({ id, slug }, envelope) =>
    Tasks.use((tasks) => tasks.reject({ id }, slug, "not mine", envelope)),
  )

/** A change under a claim: titles are few, so that many change nothing. */
export const fenced = (id: string, claim: number, random: Random): Wish =>
  wish(
    "task",
    "change",
    { id, claim, title: `title ${random.between(1, 3)}` },
    ({ id, claim, title }, envelope) =>
      Tasks.use((tasks) => tasks.change({ id, claim }, { title }, envelope)),
  )

const addStep = ({ contested }: Board, random: Random) =>
  wish("task", "step", { id: random.pick(contested), title: random.word(4) }, ({ id, title }, envelope) =>
    Tasks.use((tasks) => tasks.addStep({ id }, title, envelope)),
  )

const some = (random: Random, all: ReadonlyArray<string>) =>
  all.length === 0 ? [] : [...new Set(Array.from({ length: random.between(0, 3) }, () => random.pick(all)))]

const create = ({ agents, planned }: Board, random: Random) => {
  const assignee_slug = random.chance(0.2) ? random.pick(agents) : null
  const body = { title: random.word(5), depends_on: some(random, planned), assignee_slug }
  return wish("task", "create", body, (task, envelope) =>
    Tasks.use((tasks) => tasks.create(PROJECT, task, envelope)),
  )
}

const replan = ({ planned }: Board, random: Random) => {
  const title = random.chance(0.3) ? { title: random.word(5) } : {}
  const body = { id: random.pick(planned), changes: { depends_on: some(random, planned), ...title } }
  return wish("task", "replan", body, ({ changes, id }, envelope) =>
    Tasks.use((tasks) => tasks.change({ id }, changes, envelope)),
  )
}

const move = ({ agents, planned }: Board, random: Random) => {
  const status = random.pick(["todo", "done"] as const)
  const given = random.chance(0.3) ? { assignee_slug: random.pick([...agents, null]) } : {}
  return wish(
    "task",
    "move",
    { id: random.pick(planned), changes: { status, ...given } },
    ({ changes, id }, envelope) => Tasks.use((tasks) => tasks.change({ id }, changes, envelope)),
  )
}

const remove = ({ planned }: Board, random: Random) =>
  wish("task", "remove", { id: random.pick(planned) }, ({ id }, envelope) =>
    Tasks.use((tasks) => tasks.remove({ id }, envelope)),
  )

const watch = ({ contested }: Board, random: Random, slug: string) => {
  const does = random.pick(["watch", "unwatch"] as const)
  return wish("task", does, { id: random.pick(contested), slug }, ({ id, slug }, envelope) =>
    Tasks.use((tasks) => tasks[does]({ id }, slug, envelope)),
  )
}

const say = ({ chat, contested }: Board, random: Random) => {
  const place = random.chance(0.5) ? { chat_id: chat } : { task_id: random.pick(contested) }
  return wish("chat", "say", { place, content: random.word(8) }, ({ content, place }, envelope) =>
    Effect.map(
      Chats.use((chats) => chats.post(place, { content }, envelope)),
      ({ outcome }) => outcome,
    ),
  )
}

const newProject = (_: Board, random: Random) =>
  wish("project", "new project", { slug: `p-${random.between(1, 60)}` }, ({ slug }, envelope) =>
    Projects.use((projects) => projects.create({ name: slug, slug }, envelope)),
  )

const newMember = (_: Board, random: Random) =>
  wish("member", "new member", { slug: `m-${random.between(1, 60)}` }, ({ slug }, envelope) =>
    Effect.map(
      Members.use((members) => members.register({ name: slug, slug, type: "agent" }, envelope)),
      ({ outcome }) => outcome,
    ),
  )

const configure = ({ agents }: Board, random: Random) =>
  wish(
    "member",
    "configure",
    { slug: random.pick(agents), model: random.pick(["one", "two"]) },
    ({ model, slug }, envelope) => Members.use((members) => members.change(slug, { model }, envelope)),
  )

const rotate = ({ agents }: Board, random: Random) =>
  wish("member", "rotate", { slug: random.pick(agents) }, ({ slug }, envelope) =>
    Effect.map(
      Members.use((members) => members.rotate(slug, envelope)),
      ({ outcome }) => outcome,
    ),
  )

const newBackend = (_: Board, random: Random) =>
  wish("backend", "new backend", { name: random.word(4) }, ({ name }, envelope) =>
    Backends.use((backends) =>
      backends.register(
        { name, api_base_url: "https://example.com/v1", key: Redacted.make("sk-0123456789abcdef") },
        envelope,
      ),
    ),
  )

const changeBackend = ({ backends }: Board, random: Random) => {
  const body = { id: random.pick(backends), is_enabled: random.chance(0.5), isRemoved: random.chance(0.1) }
  return wish("backend", "change backend", body, ({ id, is_enabled, isRemoved }, envelope) =>
    isRemoved
      ? Backends.use((backends) => backends.remove(id, envelope))
      : Backends.use((backends) => backends.change(id, { is_enabled }, envelope)),
  )
}

const setOption = (_: Board, random: Random) =>
  wish("gateway", "option", { value: random.between(10, 12) }, ({ value }, envelope) =>
    Gateway.use((gateway) => gateway.setOption("queue_depth", value, envelope)),
  )

const allow = ({ agents }: Board, random: Random) =>
  wish(
    "allowance",
    "allow",
    { slug: random.pick(agents), usd_per_day: random.between(1, 2) },
    ({ slug, usd_per_day }, envelope) =>
      Allowances.use((allowances) => allowances.set(slug, { usd_per_day }, envelope)),
  )

const collections: Readonly<Record<string, Maker>> = {
  create,
  "new project": newProject,
  "new member": newMember,
  "new backend": newBackend,
}

/** Something else of the same kind, where that would be made anew. */
export const anotherOf = (board: Board, random: Random, wish: Wish): Wish => {
  const maker = collections[wish.name]
  if (maker === undefined) return wish
  const other = maker(board, random, "")
  return JSON.stringify(other.body) === JSON.stringify(wish.body) ? wish : other
}

type Maker = (board: Board, random: Random, slug: string) => Wish
const weighed = (...makers: ReadonlyArray<readonly [weight: number, maker: Maker]>): ReadonlyArray<Maker> =>
  makers.flatMap(([weight, maker]) => Array.from({ length: weight }, () => maker))

const agentWishes = weighed(
  [26, take],
  [16, reject],
  [6, addStep],
  [6, watch],
  [10, say],
  [12, create],
  [14, replan],
  [6, move],
  [4, remove],
)
const adminWishes = weighed(
  [10, newProject],
  [10, newMember],
  [10, configure],
  [5, rotate],
  [8, newBackend],
  [8, changeBackend],
  [10, setOption],
  [10, allow],
  [15, create],
  [15, replan],
  [6, remove],
)

/** The next wish of a member; what needs something that is not there yet waits for its turn. */
export const nextWish = (board: Board, random: Random, slug: string, isAdmin: boolean): Wish => {
  const maker = random.pick(isAdmin ? adminWishes : agentWishes)
  const needsTasks = maker === replan || maker === move || maker === remove
  const isPremature =
    (needsTasks && board.planned.length === 0) || (maker === changeBackend && board.backends.length === 0)
  return isPremature ? create(board, random) : maker(board, random, slug)
}
