import type { IncomingHttpHeaders } from "node:http"
import type { Caller, CallerRefusal } from "../../../gateway/metering/Caller.ts"

const BEARER = "bearer "
const TOKEN = /^[\x21-\x7e]{1,512}$/
const PROJECT = /^[a-z0-9-]{1,50}$/
const TASK = /^[\x21-\x7e]{1,100}$/

/** As OpenAI's clients send it, or Anthropic's. */
export const tokenIn = (headers: IncomingHttpHeaders): string | undefined => {
  const { authorization = "" } = headers
  const isBearer = authorization.slice(0, BEARER.length).toLowerCase() === BEARER
  const sent = isBearer ? authorization.slice(BEARER.length).trim() : headers["x-api-key"]
  return typeof sent === "string" && TOKEN.test(sent) ? sent : undefined
}

const misfit = (header: string, expected: string): CallerRefusal => ({ kind: "bad_header", header, expected })

/** The purpose of the request, as its caller says. */
export const labelsIn = (headers: IncomingHttpHeaders): Pick<Caller, "project" | "task"> | CallerRefusal => {
  const { "crewlog-project": project = null, "crewlog-task": task = null } = headers
  if (project !== null && !(typeof project === "string" && PROJECT.test(project))) {
    return misfit("Crewlog-Project", "a project's slug: 1 to 50 characters of a-z, 0-9 and -")
  }
  if (task !== null && !(typeof task === "string" && TASK.test(task))) {
    return misfit("Crewlog-Task", "1 to 100 printable ASCII characters without blanks")
  }
  return { project, task }
}
