/** The time-outs that may cut an answer off, by their words in records, for callers. */
const texts: Readonly<Record<string, string>> = {
  connect_timeout: "no connection was made within connect_timeout_seconds",
  first_byte_timeout: "its answer did not begin within first_byte_timeout_seconds",
  idle_timeout: "nothing came for idle_timeout_seconds",
  total_timeout: "it took longer than timeout_seconds of the backend, or stream_timeout_seconds, allow",
}

/** The time-out of this word, told; undefined when it is none. */
export const timeOutText = (error: string): string | undefined => {
  const text = texts[error]
  return text && `a time-out (${error}): ${text}`
}
