import { rmSync } from "node:fs"

// Loaded into the demo's server before its own program: when the demo is gone, whatever ended it, its
// end of this pipe is closed too. Then the server stops as if it had been asked to, and leaves nothing.
process.stdin.on("end", () => {
  const folder = process.env["CREWLOG_DATA"]
  if (folder !== undefined) process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
  process.kill(process.pid, "SIGTERM")
})
process.stdin.resume().unref()
