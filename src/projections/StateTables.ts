import { type AggregateType, aggregateTypes } from "../domain/Aggregate.ts"
import { Allowance } from "../domain/Allowance.ts"
import { Backend, type KnownBackend } from "../domain/Backend.ts"
import { Chat, type ChatState } from "../domain/Chat.ts"
import { Gateway, type GatewayState } from "../domain/Gateway.ts"
import { Member, type MemberState } from "../domain/Member.ts"
import { Presence } from "../domain/Presence.ts"
import { Project, type ProjectState } from "../domain/Project.ts"
import { type OpenTask, Task } from "../domain/Task.ts"
import { type StateTable, stateTable } from "./StateTable.ts"
import { bigint, boolean, double, instant, integer, jsonb, nullable, oneOf, text } from "./Table.ts"

type Known<State> = Extract<State, { readonly _tag: "Known" }>
type OpenChat = Extract<ChatState, { readonly _tag: "Open" }>
type KnownMember = Known<MemberState>
type KnownProject = Known<ProjectState>

export const project = stateTable(
  Project,
  "Known",
  {
    name: text,
    slug: text,
    description: nullable(text),
    repo_urls: jsonb<KnownProject["repo_urls"]>(),
    status: oneOf<KnownProject["status"]>(),
    prefix: text,
    task_counter: integer,
    chat_id: text,
    reserved: jsonb<KnownProject["reserved"]>(),
    created_at: instant,
    updated_at: instant,
  },
  ["(slug)"],
)

// Lists go by board position; the rest of the key makes their order total.
export const task = stateTable(
  Task,
  "Open",
  {
    project_id: text,
    parent_id: nullable(text),
    number: integer,
    key: text,
    title: text,
    description: text,
    type: oneOf<OpenTask["type"]>(),
    status: oneOf<OpenTask["status"]>(),
    priority: oneOf<OpenTask["priority"]>(),
    labels: jsonb<OpenTask["labels"]>(),
    assignee_slug: nullable(text),
    reviewer_slug: nullable(text),
    watchers: jsonb<OpenTask["watchers"]>(),
    depends_on: jsonb<OpenTask["depends_on"]>(),
    position: integer,
    time_spent: integer,
    steps: jsonb<OpenTask["steps"]>(),
    claim: nullable(bigint),
    created_by: text,
    created_at: instant,
    updated_at: instant,
  },
  [
    "(project_id, position, number, id)",
    "(status, position, number, id)",
    "(assignee_slug, position, number, id) where assignee_slug is not null",
    "(parent_id, position, number, id) where parent_id is not null",
  ],
)

export const member = stateTable(
  Member,
  "Known",
  {
    slug: text,
    type: oneOf<KnownMember["type"]>(),
    name: text,
    role: oneOf<KnownMember["role"]>(),
    capabilities: jsonb<KnownMember["capabilities"]>(),
    chat_listen: oneOf<KnownMember["chat_listen"]>(),
    task_listen: oneOf<KnownMember["task_listen"]>(),
    prompt: nullable(text),
    model: nullable(text),
    token_hash: text,
    is_enabled: boolean,
    created_at: instant,
    updated_at: instant,
  },
  ["(slug)"],
)

const presence = stateTable(
  Presence,
  "Seen",
  {
    slug: text,
    status: oneOf<"online" | "busy" | "idle" | "offline">(),
    last_seen: nullable(instant),
    updated_at: instant,
  },
  ["(slug) where status <> 'offline'"],
)

const chat = stateTable(
  Chat,
  "Open",
  {
    kind: oneOf<OpenChat["kind"]>(),
    project_id: nullable(text),
    task_id: nullable(text),
    message_count: bigint,
    last_message_id: nullable(text),
    created_at: instant,
    updated_at: instant,
  },
  [],
)

const backend = stateTable(
  Backend,
  "Known",
  {
    name: text,
    label: text,
    source: oneOf<KnownBackend["source"]>(),
    api_base_url: text,
    api: oneOf<KnownBackend["api"]>(),
    key_version: text,
    key_mask: text,
    timeout_seconds: integer,
    rpm_limit: integer,
    pool: oneOf<KnownBackend["pool"]>(),
    cooldown_scope: oneOf<KnownBackend["cooldown_scope"]>(),
    model_mappings: jsonb<KnownBackend["model_mappings"]>(),
    metadata: jsonb<KnownBackend["metadata"]>(),
    is_enabled: boolean,
    fault: nullable(jsonb<NonNullable<KnownBackend["fault"]>>()),
    health: oneOf<KnownBackend["health"]>(),
    cooldowns: jsonb<KnownBackend["cooldowns"]>(),
    created_at: instant,
    updated_at: instant,
  },
  [],
)

const gateway = stateTable(
  Gateway,
  "Running",
  { options: jsonb<GatewayState["options"]>(), is_emergency: boolean },
  [],
)

const allowance = stateTable(
  Allowance,
  "Known",
  {
    slug: text,
    is_set: boolean,
    requests_per_minute: nullable(double),
    tokens_per_day: nullable(double),
    usd_per_day: nullable(double),
  },
  ["(slug)"],
)

/** The tables of states, by type; types whose state nobody asks for have none. */
export const stateTables = { project, task, member, presence, chat, backend, gateway, allowance }

const byType: Partial<Readonly<Record<AggregateType, unknown>>> = stateTables

/** The table of a type whose states the caller only hands back to it. */
export const stateTableOf = (type: AggregateType): StateTable<unknown> | undefined =>
  byType[type] as StateTable<unknown> | undefined

/** All of them, in the order of the types. */
export const allStateTables = aggregateTypes.flatMap((type) => stateTableOf(type) ?? [])
