import type { IncomingHttpHeaders } from "node:http"
import type { Caller, CallerRefusal } from "../../../gateway/metering/Caller.ts"

const BEARER = "bearer "
const TOKEN = /^[\x21-\x7e]{1,512}$/
const PROJECT = /^[a-z0-9-]{1,50}$/
const TASK = /^[\x21-\x7e]{1,100}$/

const isToken = (sent: unknown): sent is string => typeof sent === "string" && TOKEN.test(sent)

/** As OpenAI's clients send it, and as Anthropic's: some send both, one of them for somebody else. */
export const tokensIn = ({
  authorization = "",
  "x-api-key": key,
}: IncomingHttpHeaders): ReadonlyArray<string> => {
  const isBearer = authorization.slice(0, BEARER.length).toLowerCase() === BEARER
  const bearer = isBearer ? authorization.slice(BEARER.length).trim() : undefined
  return [bearer, key].filter(isToken)
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
