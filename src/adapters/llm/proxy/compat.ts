import type { ModelMapping } from "../../../domain/ModelMapping.ts"
import type { FieldChanges } from "./fieldChanges.ts"
import { type Fields, fieldsOf, isFields } from "./jsonFields.ts"

/** The part of a mapping that says how its backend is to be asked. */
export type Asking = Pick<ModelMapping, "native_id" | "reasoning" | "reasoning_effort" | "compat">

/** The effect that a flag with this value does to a field, where a request has it. */
interface Rule {
  readonly flag: string
  readonly value: string | boolean
  readonly field: string
  /** The name that the field gets. Without one it is dropped, and where the request has both. */
  readonly name?: string
  /** A role of messages, and the one that stands in for it: then the field stays. */
  readonly role?: readonly [from: string, to: string]
}

const [old, young] = ["max_tokens", "max_completion_tokens"]
// As catalogues of models have them; all others do nothing. `supportsUsageInStreaming` does, where usage is asked for.
const rules: ReadonlyArray<Rule> = [
  { flag: "supportsStore", value: false, field: "store" },
  { flag: "supportsReasoningEffort", value: false, field: "reasoning_effort" },
  { flag: "maxTokensField", value: old, field: young, name: old },
  { flag: "maxTokensField", value: young, field: old, name: young },
  { flag: "supportsDeveloperRole", value: false, field: "messages", role: ["developer", "system"] },
]

const CHAT = "chat/completions"

const hasRole = (messages: unknown, role: string) =>
  Array.isArray(messages) && messages.some((message) => fieldsOf(message)["role"] === role)

const isMet = ({ field, flag, role, value }: Rule, fields: Fields, compat: Asking["compat"]) =>
  compat[flag] === value &&
  Object.hasOwn(fields, field) &&
  (role === undefined || hasRole(fields[field], role[0]))

/** By any of these a caller says itself how much is to be thought. */
const ownEfforts = ["reasoning_effort", "reasoning", "thinking"]
const isSaid = (value: unknown) => value !== undefined && value !== null

/** The field, and its JSON, that asks for the mapping's effort where the caller asks for none. */
const effortFor = (path: string, fields: Fields, mapping: Asking): readonly [string, string] | undefined => {
  const { compat, reasoning: canReason, reasoning_effort: effort } = mapping
  if (!canReason || effort === null) return undefined
  if (path === CHAT) {
    return compat["supportsReasoningEffort"] === false || ownEfforts.some((name) => isSaid(fields[name]))
      ? undefined
      : ["reasoning_effort", JSON.stringify(effort)]
  }
  const own = fields["reasoning"] ?? {}
  // Anything but an object is for the provider to refuse.
  return path !== "responses" || !isFields(own) || isSaid(own["effort"])
    ? undefined
    : ["reasoning", JSON.stringify({ ...own, effort })]
}

/**
 * The changes in a request on this route (`path` is behind `/v1/`) for the backend with this mapping;
 * undefined when nothing is, as in most.
 */
export const changesFor = (path: string, fields: Fields, mapping: Asking): FieldChanges | undefined => {
  const met = path === CHAT ? rules.filter((rule) => isMet(rule, fields, mapping.compat)) : []
  const effort = effortFor(path, fields, mapping)
  if (met.length === 0 && effort === undefined) return undefined
  const isRenamed = ({ name }: Rule) => name !== undefined && !Object.hasOwn(fields, name)
  return {
    dropped: new Set(met.filter((rule) => !isRenamed(rule) && !rule.role).map(({ field }) => field)),
    renamed: new Map(met.filter(isRenamed).map(({ field, name = field }) => [field, name])),
    set: new Map(effort === undefined ? [] : [effort]),
    roles: new Map(met.flatMap(({ role }) => (role === undefined ? [] : [role]))),
  }
}
