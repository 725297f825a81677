import { LogFull, LogUnavailable, NewerRecord } from "../domain/EventLog.ts"
import { Contended } from "./Envelope.ts"

/** Once a record was sent, a log that goes away leaves open whether the command took effect: also while we look. */
export const afterTheFact = <Failure>(error: Failure): Failure | LogUnavailable =>
  error instanceof LogUnavailable ? new LogUnavailable({ reason: error.reason, unknown: true }) : error

type Stopping = Contended | LogFull | NewerRecord

/** Once a command took effect, whatever stops the rest of it leaves that open to its caller: a repeat does the rest. */
export const afterItsEffect = <Failure>(error: Failure): Exclude<Failure, Stopping> | LogUnavailable => {
  if (error instanceof Contended)
    return new LogUnavailable({ reason: `${error.subject} is changed by many others`, unknown: true })
  if (error instanceof LogFull || error instanceof NewerRecord)
    return new LogUnavailable({ reason: error.message, unknown: true })
  return afterTheFact(error) as Exclude<Failure, Stopping> | LogUnavailable
}
