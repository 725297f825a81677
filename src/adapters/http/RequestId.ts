import { Context } from "effect"

/** The name of the request in answers, logs and, as correlation, on the log of events. */
export const RequestId = Context.Reference<string>("crewlog/adapters/http/RequestId", {
  defaultValue: () => "",
})
