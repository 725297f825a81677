import type { Call, Journal } from "../Journal.ts"
import type { Entry } from "../logRecords.ts"

/** The commands about which the log differs from their answers. All lists have to be empty. */
export interface Acknowledged {
  /** Accepted, but not on the log where the answer said. */
  readonly lost: ReadonlyArray<string>
  /** On the log more than once. */
  readonly doubled: ReadonlyArray<string>
  /** Refused, or "not recorded", but on the log. */
  readonly ghosts: ReadonlyArray<string>
  /** Commands on the log that members gave and no client knows of. */
  readonly unheardOf: ReadonlyArray<string>
}

/** Compares what clients were told with what is on the log (acknowledged is present, refused is not). */
export const compareWithLog = (
  { calls }: Pick<Journal, "calls">,
  log: ReadonlyArray<Entry>,
): Acknowledged => {
  const places = new Map<string, Array<number>>()
  for (const { command, seq } of log) places.set(command, [...(places.get(command) ?? []), seq])
  const placesOf = ({ command }: Call) => places.get(command) ?? []
  const told = (call: Call) =>
    `${call.command} (${call.kind}, answered ${call.answer?.status} at ${call.answer?.seq})`
  const members = new Set(calls.map(({ by }) => by))
  const known = new Set(calls.map(({ command }) => command))
  return {
    lost: calls
      .filter((call) => call.outcome === "accepted")
      .filter((call) => !placesOf(call).includes(call.answer?.seq ?? 0))
      .map(told),
    doubled: calls
      .filter((call) => placesOf(call).length > 1)
      .map((call) => `${told(call)} is at ${placesOf(call)}`),
    ghosts: calls
      .filter((call) => call.outcome === "refused" && placesOf(call).length > 0)
      .map((call) => `${told(call)} is at ${placesOf(call)}`),
    unheardOf: [...places.keys()].filter((command) => {
      const [by = "", key = ""] = command.split(":")
      return /^k\d/.test(key) && members.has(by) && !known.has(command)
    }),
  }
}
