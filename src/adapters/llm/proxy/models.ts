import type { IncomingMessage, ServerResponse } from "node:http"
import type { KnownBackend } from "../../../domain/Backend.ts"
import { answerError, answerJson } from "./answers.ts"
import { type ApiError, apiError, type Dialect, requestIds } from "./apiErrors.ts"

type Backends = ReadonlyMap<string, KnownBackend>

interface Model {
  readonly id: string
  /** The instant at which the first of its backends was registered. */
  readonly since: string
}

/** True if any backend maps it, be it fit to serve or not. */
export const isMapped = (backends: Backends, model: string): boolean =>
  [...backends.values()].some(({ model_mappings }) => Object.hasOwn(model_mappings, model))

/** The models that callers can ask for, by name. */
const modelsOf = (backends: Backends): ReadonlyArray<Model> => {
  const since = new Map<string, string>()
  for (const { created_at, is_enabled, model_mappings } of backends.values()) {
    if (!is_enabled) continue
    for (const id of Object.keys(model_mappings)) {
      const known = since.get(id)
      if (known === undefined || created_at < known) since.set(id, created_at)
    }
  }
  const models = [...since].map(([id, since]) => ({ id, since }))
  return models.toSorted((one, other) => (one.id < other.id ? -1 : 1))
}

const seconds = (instant: string) => Math.floor(Date.parse(instant) / 1000)

const shown: Record<Dialect, (model: Model) => object> = {
  openai: ({ id, since }) => ({ id, object: "model", created: seconds(since), owned_by: "crewlog" }),
  anthropic: ({ id, since }) => ({ type: "model", id, display_name: id, created_at: since }),
}

const list = (dialect: Dialect, models: ReadonlyArray<Model>): object => {
  const data = models.map(shown[dialect])
  if (dialect === "openai") return { object: "list", data }
  return { data, has_more: false, first_id: models[0]?.id ?? null, last_id: models.at(-1)?.id ?? null }
}

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** Anthropic's clients say which version of its API they speak. */
export const dialectOf = ({ headers }: IncomingMessage): Dialect =>
  headers["anthropic-version"] === undefined ? "openai" : "anthropic"

/** Answers `/v1/models` and, with what is behind it, `/v1/models/{id}`, from our own mappings alone. */
export const answerModels = (
  {
    backends,
    dialect,
    requestId,
  }: { readonly backends: Backends; readonly dialect: Dialect; readonly requestId: string },
  rest: string,
  response: ServerResponse,
): void => {
  const models = modelsOf(backends)
  const headers = requestIds(dialect, requestId)
  if (rest === "") return answerJson(response, 200, JSON.stringify(list(dialect, models)), headers)
  const id = decoded(rest.slice(1))
  const model = models.find((model) => model.id === id)
  if (model !== undefined) return answerJson(response, 200, JSON.stringify(shown[dialect](model)), headers)
  answerError(response, dialect, noSuchModel(id ?? rest), requestId)
}

/** The wires that the backends speak which map a model. */
export const wiresOf = (backends: Backends, model: string): ReadonlyArray<KnownBackend["api"]> => {
  const mapping = [...backends.values()].filter(({ model_mappings }) => Object.hasOwn(model_mappings, model))
  return [...new Set(mapping.map(({ api }) => api))]
}

const routesOf: Record<KnownBackend["api"], string> = {
  "openai-completions": "/v1/chat/completions",
  "openai-responses": "/v1/responses or /v1/chat/completions",
  "anthropic-messages": "/v1/messages",
}

/** A model that is here, and not on the wire that was asked for. */
export const onAnotherWire = (
  model: string,
  path: string,
  wires: ReadonlyArray<KnownBackend["api"]>,
): ApiError =>
  apiError(
    404,
    "invalid_request_error",
    "model_not_found",
    `${JSON.stringify(model.slice(0, LONGEST))} is not served at /v1/${path}: its backends speak ${wires.join(
      ", ",
    )}. Ask for it at ${wires.map((wire) => routesOf[wire]).join(" or ")}.`,
    { param: "model" },
  )

const LONGEST = 200

export const noSuchModel = (model: string) =>
  apiError(
    404,
    "invalid_request_error",
    "model_not_found",
    `There is no model ${JSON.stringify(model.slice(0, LONGEST))} here: GET /v1/models lists those that are.`,
    { param: "model" },
  )
