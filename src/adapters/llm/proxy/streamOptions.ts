import type { Fields } from "./jsonFields.ts"

/** Statuses that are never about a field of the request. */
const OTHERS: ReadonlySet<number> = new Set([401, 402, 403, 407, 408, 413, 429, 451, 498, 499])

const NAMED = /stream[\s_.-]*options|include[\s_.-]*usage/i
const SOME_FIELD =
  /\b(?:extra|additional|unknown|unrecogni[sz]ed|unexpected|unsupported|undefined)\b[\w\s-]{0,30}\b(?:inputs?|fields?|arguments?|param(?:eter)?s?|keys?|keywords?|propert(?:y|ies))\b/i
/** Words that stand in errors about anything. */
const COMMON = new Set(["model", "messages", "prompt", "stream", "user", "stop", "input", "tools"])

/** True for an error that may mean the `stream_options` which we added to a request with these fields, in whichever words. */
export const isAboutStreamOptions = (text: string, fields: Fields): boolean => {
  if (NAMED.test(text)) return true
  if (!SOME_FIELD.test(text)) return false
  // It says which field it does not know, and that is the caller's own.
  return !Object.keys(fields).some((field) => !COMMON.has(field) && text.includes(field))
}

/** True for statuses of answers that may be about a field of the request. */
export const isAboutFields = (status: number): boolean => status >= 400 && status < 500 && !OTHERS.has(status)
