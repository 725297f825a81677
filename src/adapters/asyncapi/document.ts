import type { Schema } from "effect"
import manifest from "../../../package.json" with { type: "json" }
import { feedFrames } from "../../operations/frames.ts"
import { ProblemBody } from "../../operations/bodies.ts"
import { inputSchema } from "../../operations/decodeInput.ts"
import { operations as rows } from "../../operations/operations.ts"
import { codesOf, refusalCodes } from "../../operations/refusals.ts"
import { refusalsOf } from "../../operations/refusalsOf.ts"
import { type Callable, isCallable } from "../nats/agentCalls.ts"
import { ClientFrame } from "../ws/clientFrames.ts"
import { closings } from "../ws/closeCodes.ts"
import { answerFrames } from "../ws/frameSchemas.ts"
import { schemaCollection } from "./schemas.ts"

type Json = Record<string, unknown>

const ref = (...path: ReadonlyArray<string>) => ({ $ref: `#/${path.join("/")}` })
const text = { type: "string" }
const position = { type: "string", pattern: String.raw`^\d+$` }
const JSON_TYPE = "application/json"

const asked = {
  type: "object",
  properties: {
    "Crew-Command": { ...text, description: "The Idempotency-Key of REST; Nats-Msg-Id will do as well." },
    "Nats-Msg-Id": text,
    "If-Match": { ...text, description: "The version that the change is based on (412)." },
    "Crewlog-Claim": { ...position, description: "The claim on the task that the change is based on (409)." },
    Prefer: { ...text, description: "respond-async: do not wait for the read model." },
    traceparent: text,
  },
}
const answered = {
  type: "object",
  required: ["Crewlog-Seq"],
  properties: {
    "Crewlog-Seq": { ...position, description: "The log position that was reached." },
    "Crewlog-Projected": { ...text, description: "false: accepted, but reads may not show it yet." },
    traceparent: text,
  },
}
const asking = {
  type: "object",
  properties: {
    "Crewlog-Min-Seq": { ...position, description: "Wait until the read model shows this position, or 503." },
    traceparent: text,
  },
}
const shown = {
  type: "object",
  properties: {
    "Crewlog-Seq": { ...position, description: "The log position that the answer is the state of." },
    "Crewlog-Next": { ...text, description: "JSON: the fields to add to the question for the next page." },
    ETag: { ...text, description: "The version of what is shown." },
    traceparent: text,
  },
}
const refusing = {
  type: "object",
  required: ["Nats-Service-Error", "Nats-Service-Error-Code"],
  properties: {
    ...answered.properties,
    "Nats-Service-Error-Code": { ...position, description: "The HTTP status of the refusal." },
    "Nats-Service-Error": {
      ...text,
      description: "The code of the refusal, a colon, and what is said of it.",
    },
    "Retry-After": position,
  },
}

const pascal = (name: string) =>
  name.replaceAll(/(?:^|\.)([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** A document under construction: what is named once is referred to from then on. */
class Draft {
  readonly #schemas = schemaCollection()
  readonly #messages: Json = {}
  readonly #channels: Json = {}
  readonly #operations: Json = {}

  message(name: string, schema: Schema.Constraint | undefined, headers?: Json, example?: unknown) {
    this.#messages[name] = {
      name,
      contentType: JSON_TYPE,
      ...(headers === undefined ? {} : { headers }),
      ...(example === undefined ? {} : { examples: [{ payload: example }] }),
      payload: schema === undefined ? { type: "string", maxLength: 0 } : this.#schemas.add(name, schema),
    }
    return name
  }

  channel(id: string, about: Json, messages: ReadonlyArray<string>) {
    const all = Object.fromEntries(messages.map((name) => [name, ref("components", "messages", name)]))
    this.#channels[id] = { ...about, messages: all }
    return (some: ReadonlyArray<string>) => ({
      channel: ref("channels", id),
      messages: some.map((name) => ref("channels", id, "messages", name)),
    })
  }

  operation(id: string, operation: Json) {
    this.#operations[id] = operation
  }

  get parts() {
    return {
      channels: this.#channels,
      operations: this.#operations,
      components: {
        schemas: this.#schemas.components,
        messages: this.#messages,
        securitySchemes: {
          token: { type: "userPassword", description: "A member's token as the password." },
        },
      },
    }
  }
}

const addSocket = (draft: Draft) => {
  const sent = ClientFrame.members.map((frame) =>
    draft.message(`Client${pascal(frame.fields.type.schema.literal)}`, frame),
  )
  const answers = Object.entries(answerFrames).map(([name, schema]) => draft.message(name, schema))
  const pushed = Object.entries(feedFrames).map(([name, schema]) => draft.message(name, schema))
  const at = draft.channel(
    "socket",
    {
      address: "/ws",
      servers: [ref("servers", "websocket")],
      description: `Closed with: ${Object.values(closings)
        .map(({ code, reason }) => `${code} ${reason}`)
        .join(", ")}. Codes from 4000 to 4099, and 1013, may reconnect.`,
      bindings: { ws: { method: "GET" } },
    },
    [...sent, ...answers, ...pushed],
  )
  draft.operation("socketReceive", { action: "receive", ...at(sent) })
  draft.operation("socketAnswer", { action: "send", ...at(answers) })
  draft.operation("socketPush", { action: "send", ...at(pushed) })
}

const about = <Requirements>(row: Callable<Requirements>) => {
  const codes = refusalsOf(row, "nats").flatMap(codesOf)
  const list = codes.map(({ code, status }) => `\`${code}\` (${status})`).join(", ")
  return `${row.description}\n\n${row.may.says}\n\nRefusals: ${list}.`
}

const addCall =
  (draft: Draft, refusal: string) =>
  <Requirements>(row: Callable<Requirements>) => {
    const { name } = row
    const request = draft.message(
      `${pascal(name)}Request`,
      inputSchema(row),
      row.kind === "command" ? asked : asking,
      row.example.input,
    )
    const answer = draft.message(
      `${pascal(name)}Answer`,
      row.output,
      row.kind === "command" ? answered : shown,
      row.example.output,
    )
    const servers = [ref("servers", "nats")]
    const inbound = draft.channel(
      name,
      {
        address: `crew.cmd.{agent}.${name}`,
        servers,
        parameters: { agent: { description: "The slug of whose token the connection was opened with." } },
      },
      [request],
    )
    const outbound = draft.channel(`${name}.reply`, { address: null, servers }, [answer, refusal])
    draft.operation(name, {
      action: "receive",
      summary: row.summary,
      description: about(row),
      ...inbound([request]),
      reply: {
        address: { location: "$message.header#/reply", description: "The reply subject of the request." },
        ...outbound([answer, refusal]),
      },
    })
  }

const addLive = (draft: Draft) => {
  const frames = Object.keys(feedFrames)
  const types = Object.values(feedFrames).flatMap((frame): ReadonlyArray<string> => {
    const { type } = frame.fields
    return "literals" in type ? type.literals : [type.literal]
  })
  const at = draft.channel(
    "live",
    {
      address: "crew.live.{project}.{type}",
      servers: [ref("servers", "nats")],
      description: "Each frame once, at most; GET /api/v1/feed?after=<seq> fills a gap.",
      parameters: {
        project: { description: "The project's id; _ where there is none." },
        type: { description: "The frame's type.", enum: types },
      },
    },
    frames,
  )
  draft.operation("livePush", { action: "send", ...at(frames) })
}

/** The WebSocket and the NATS side as AsyncAPI 3, from the Schemas that read and write them. */
export const asyncApi = (): Json => {
  const draft = new Draft()
  addSocket(draft)
  const refusal = draft.message("Refusal", ProblemBody, refusing)
  const add = addCall(draft, refusal)
  for (const row of rows) if (isCallable(row)) add(row)
  addLive(draft)
  const { channels, components, operations } = draft.parts
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Crewlog",
      version: manifest.version,
      description: "What is pushed and commanded beside REST. REST is in /openapi.json.",
    },
    defaultContentType: JSON_TYPE,
    servers: {
      websocket: { host: "localhost:8100", protocol: "ws", description: "The first frame is auth." },
      nats: {
        host: "localhost:4222",
        protocol: "nats",
        description: "Agents log in with their token. Replies go to _INBOX_<agent>.>",
        security: [ref("components", "securitySchemes", "token")],
      },
    },
    channels,
    operations,
    components,
    "x-problem-codes": refusalCodes,
  }
}
