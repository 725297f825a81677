import type { Random } from "./Random.ts"

/** Text that PostgreSQL, NATS, JSON or a terminal might choke on. */
const TEXTS: ReadonlyArray<string> = [
  "\0",
  "a\0b",
  "\ud800",
  "x\udfffy",
  "\u001b[2J\u001b[31m",
  "\u202egnp.exe",
  "'; drop table task; --",
  "$1",
  "\\",
  "%s%n",
  "*",
  ">",
  "crew.evt.task.x",
  "a.b",
  " ",
  "\r\nNATS/1.0 503\r\n\r\n",
  "x".repeat(600),
  "y".repeat(9_000),
  "é".repeat(70_000),
  "\u{1f9d1}\u200d\u{1f680}".repeat(50),
  "__proto__",
  "constructor",
  "0001-01-01T00:00:00Z",
  "99999-01-01T00:00:00Z",
  "NaN",
]
const NUMBERS: ReadonlyArray<string> = [
  "-1",
  "0",
  "2147483647",
  "2147483648",
  "-2147483649",
  "9007199254740993",
  "9223372036854775808",
  "1e308",
  "1e999",
  "-0.5",
  "1e-400",
]

const deep = (levels: number) => `${"[".repeat(levels)}1${"]".repeat(levels)}`

/** JSON text of something that no client should send. */
const value = (random: Random): string =>
  random.pick([
    () => JSON.stringify(random.pick(TEXTS)),
    () => JSON.stringify(random.pick(TEXTS)),
    () => random.pick(NUMBERS),
    () => random.pick(["null", "true", "{}", "[]", '""', '{"__proto__":{"role":"admin"}}']),
    () => deep(random.pick([3, 40, 2_000])),
    () =>
      `[${Array.from({ length: random.pick([1, 60, 300]) }, () => JSON.stringify(random.pick(TEXTS))).join()}]`,
  ])()

/** Fields that bodies of these kinds may have. */
export const fields = {
  task: [
    "title",
    "description",
    "type",
    "status",
    "priority",
    "labels",
    "parent_id",
    "assignee_slug",
    "reviewer_slug",
    "position",
    "time_spent",
    "depends_on",
  ],
  message: ["content", "mentions"],
  project: ["name", "description", "repo_urls"],
  member: ["name", "chat_listen", "task_listen", "prompt", "model", "capabilities"],
} as const
const FIELDS: ReadonlyArray<string> = [
  ...new Set(Object.values(fields).flat()),
  "slug",
  "chat_id",
  "task_id",
  "reason",
  "done",
  "role",
  "is_enabled",
]

/** A body of which some fields are fit and others are anything but, most of them such as its reader `knows`. */
export const body = (
  random: Random,
  fit: Readonly<Record<string, unknown>>,
  knows: ReadonlyArray<string> = FIELDS,
): string => {
  if (random.chance(0.04)) return random.pick(["", "{", "nul", '"', "\u{feff}{}", '{"a":1,}', "[1", "\0"])
  const fields = Object.entries(fit).map(([name, one]) => [name, JSON.stringify(one)] as const)
  const odd = Array.from(
    { length: random.between(0, 3) },
    () => [random.pick(random.chance(0.9) ? knows : FIELDS), value(random)] as const,
  )
  const twice = random.chance(0.1) ? fields.slice(0, 1) : []
  return `{${[...fields, ...odd, ...twice].map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(",")}}`
}

/** A part of a path. */
export const part = (random: Random): string =>
  encodeURIComponent(random.pick(TEXTS).toWellFormed().slice(0, 500))

/** A frame for a socket: text, or bytes that are none. */
export const frame = (random: Random, chat: string): string | Buffer => {
  const type = random.pick([
    "auth",
    "heartbeat",
    "chat.send",
    "project.subscribe",
    "project.unsubscribe",
    "ack",
    "x",
  ])
  if (random.chance(0.1)) return Buffer.from([0xff, 0xfe, random.between(0, 255)])
  return body(random, { type, ...(random.chance(0.7) ? { chat_id: chat, content: "x" } : {}) })
}
