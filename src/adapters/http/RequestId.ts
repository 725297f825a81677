import { Context } from "effect"

/** What the request is called in answers, logs and, as correlation, on the log of events. */
export const RequestId = Context.Reference<string>("crewlog/adapters/http/RequestId", {
  defaultValue: () => "",
})
