import type { AnyOperation } from "./operations.ts"
import type { Failure } from "./refusals.ts"

type Tag = Failure["_tag"]

/** Refusals that any call can meet. */
const always: ReadonlyArray<Tag> = [
  "NotAuthenticated",
  "MemberIsDisabled",
  "TooManyRequests",
  "BadParameter",
  "Unexpected",
]

/** Refusals that any command can meet. */
const ofCommands: ReadonlyArray<Tag> = [
  "DayIsFull",
  "InvalidInput",
  "UnknownField",
  "MalformedJson",
  "BodyTooLarge",
  "KeyReused",
  "RecordTooLarge",
  "Contended",
  "LogUnavailable",
  "LogFull",
  "LogDamaged",
  "NewerRecord",
]

const ofTables: ReadonlyArray<Tag> = ["ReadModelUnavailable", "ReadModelBehind"]

/** Refusals that a door adds. */
const ofDoors = {
  rest: ["RequestTimedOut"],
  gateway: ["RequestTimedOut", "ForeignPage"],
  nats: ["InvalidInput", "UnknownField", "MalformedJson", "BodyTooLarge", "AnswerTooLarge"],
} as const satisfies Record<string, ReadonlyArray<Tag>>

const ofRights: Record<AnyOperation["may"]["name"], ReadonlyArray<Tag>> = {
  anyone: [],
  oneself: ["NotYourself"],
  "oneself, rights by admins": ["NotYourself", "AdminsOnly"],
  admins: ["AdminsOnly"],
  holder: [],
  creator: [],
}

const ofKind = <Requirements>(row: AnyOperation<Requirements>): ReadonlyArray<Tag> => {
  if (row.kind === "watch") return []
  if (row.kind === "command") return row.of === undefined ? ofCommands : [...ofCommands, "VersionMismatch"]
  if (row.from === "tables") return ofTables
  return row.from === "usage" ? ["ReadModelUnavailable"] : []
}

/** Every refusal that an operation can give at a door: OpenAPI and AsyncAPI list them, and tests hold answers to them. */
export const refusalsOf = <Requirements>(
  row: AnyOperation<Requirements>,
  door: keyof typeof ofDoors,
): ReadonlyArray<Tag> => {
  const isSent = door !== "nats" && row.kind === "command"
  return [
    ...new Set<Tag>([
      ...always,
      ...(isSent ? (["UnsupportedContentType"] as const) : []),
      ...ofDoors[door],
      ...ofKind(row),
      ...ofRights[row.may.name],
      ...row.refusals,
    ]),
  ]
}
