import { Effect, Stream, Struct } from "effect"
import { HttpServerResponse } from "effect/http"
import { answer, opened } from "../../operations/answer.ts"
import { carryOut } from "../../operations/carryOut.ts"
import { UnknownField } from "../../operations/EdgeRefusal.ts"
import type { Answer } from "../../operations/Operation.ts"
import type { AnyCommand, AnyQuestion, AnyWatch } from "../../operations/operations.ts"
import { tagOf } from "../../operations/tag.ts"
import { Projected } from "../../projections/Projected.ts"
import { Closing } from "./Closing.ts"
import { placesOf, type Routed } from "./placesOf.ts"
import { Exchange, isKnown } from "./Exchange.ts"
import { refuseAt } from "./problems.ts"

type Current = Exchange["Service"]
type Input = Readonly<Record<string, unknown>>
/** The parts of a request as the route's schemas read them. */
interface Parts {
  readonly params?: Input
  readonly query?: Input
  readonly headers?: Input
  readonly payload?: Input
}

const JSON_TYPE = "application/json"

const tagged = (tag: string | undefined): Record<string, string> => (tag === undefined ? {} : { etag: tag })

/** A body for a route that reads none is a mistake that is told, like any field that nothing reads. */
const unread = ({ sent }: Current) => {
  if (typeof sent !== "object" || sent === null) return undefined
  const [first, ...others] = Object.keys(sent).slice(0, 20)
  if (first === undefined) return undefined
  const fault = (field: string) => ({
    field: field.slice(0, 300).toWellFormed(),
    message: "is not read from a body here",
  })
  return new UnknownField({ errors: [fault(first), ...others.map(fault)] })
}

const toCommand = <Requirements>(
  row: AnyCommand<Requirements> & Routed<Requirements>,
  input: Input,
  { asked }: Current,
) =>
  Effect.map(carryOut(row, input, asked), ({ isProjected, seq, text, version }) => {
    const [, , status] = row.rest
    const headers = {
      "crewlog-seq": String(seq),
      ...tagged(tagOf({ version })),
      ...(asked.isAsync ? { "preference-applied": "respond-async" } : {}),
      ...(isProjected ? {} : { "crewlog-projected": "false" }),
    }
    return text === ""
      ? HttpServerResponse.empty({ status, headers })
      : HttpServerResponse.text(text, { status, contentType: JSON_TYPE, headers })
  })

/** The same question about what comes next. */
const linkOf = (url: string, next: Answer["next"]): Record<string, string> => {
  if (next === undefined) return {}
  const mark = url.indexOf("?")
  const path = mark < 0 ? url : url.slice(0, mark)
  const params = new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1))
  for (const [name, value] of Object.entries(next)) params.set(name, String(value))
  return { link: `<${path}?${params.toString()}>; rel="next"` }
}

const toQuestion = <Requirements>(
  row: AnyQuestion<Requirements>,
  input: Input,
  { asked, ifNoneMatch, url }: Current,
) =>
  Effect.map(answer(row, input, asked), ({ body, more, next, seq, version }) => {
    const tag = tagOf({ version, more })
    const headers = {
      ...(seq === undefined ? {} : { "crewlog-seq": String(seq) }),
      ...linkOf(url, next),
      ...tagged(tag),
    }
    return tag !== undefined && isKnown(ifNoneMatch, tag)
      ? HttpServerResponse.empty({ status: 304, headers })
      : HttpServerResponse.text(JSON.stringify(body), { contentType: JSON_TYPE, headers })
  })

const toReader = Effect.fnUntraced(function* <Requirements>(
  row: AnyWatch<Requirements>,
  input: Input,
  { asked }: Current,
) {
  const closing = yield* Closing
  const { events, seq } = yield* opened(row, input, asked)
  return HttpServerResponse.stream(events.pipe(Stream.interruptWhen(closing.begun), Stream.encodeText), {
    contentType: "text/event-stream",
    headers: { ...(seq === undefined ? {} : { "crewlog-seq": String(seq) }), "x-accel-buffering": "no" },
  })
})

const respond = <Requirements>(row: Routed<Requirements>, input: Input, exchange: Current) => {
  switch (row.kind) {
    case "command":
      return toCommand(row, input, exchange)
    case "question":
      return toQuestion(row, input, exchange)
    case "watch":
      return toReader(row, input, exchange)
  }
}

/** The handler of an operation's route: every failure becomes the problem that the table of refusals says. */
export const handlerOf = <Requirements>(row: Routed<Requirements>) => {
  const { body: names } = placesOf(row)
  return Effect.fnUntraced(
    function* ({ headers, params, payload, query }: Parts) {
      const exchange = yield* Exchange
      const misplaced = names.length > 0 ? undefined : unread(exchange)
      if (misplaced !== undefined) return yield* misplaced
      const body = payload === undefined ? {} : Struct.pick(payload, names)
      return yield* respond(row, { ...body, ...headers, ...query, ...params }, exchange)
    },
    Effect.catch((failure) => Effect.flatMap(Projected, (projected) => refuseAt(projected)(failure))),
  )
}
