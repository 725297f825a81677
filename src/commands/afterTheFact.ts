import { LogUnavailable } from "../domain/EventLog.ts"

/** Once a record was sent, a log that goes away leaves open whether the command took effect: also while we look. */
export const afterTheFact = <Failure>(error: Failure): Failure | LogUnavailable =>
  error instanceof LogUnavailable ? new LogUnavailable({ reason: error.reason, unknown: true }) : error
