import { Effect } from "effect"
import { spawn } from "node:child_process"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"

const NODE = fileURLToPath(new URL("deliveryNode.ts", import.meta.url))

/** The process that made a call: nodes say it in a header. */
export const pidOf = ({ headers }: IncomingMessage) => Number(headers["pid"])

/** A server on loopback that answers each request with a text; gives its URL. */
export const listening = (answer: (request: IncomingMessage) => string) =>
  Effect.gen(function* () {
    const server = yield* Effect.acquireRelease(
      Effect.sync(() => createServer((request, response) => void response.end(answer(request)))),
      (server) =>
        Effect.sync(() => {
          server.closeAllConnections()
          server.close()
        }),
    )
    yield* Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })

/** Two nodes; one that dies is replaced. The scope ends them all. */
export const twoNodes = Effect.fnUntraced(function* (given: object) {
  const ready = new Set<number>()
  let output = ""
  let isOver = false
  const start = () => {
    const child = spawn(process.execPath, [NODE, JSON.stringify(given)], {
      env: { PATH: process.env["PATH"] ?? "" },
      stdio: ["ignore", "pipe", "pipe"],
    })
    const pid = child.pid ?? 0
    child.stdout.on("data", (text) => {
      output += String(text)
      if (String(text).includes("ready")) ready.add(pid)
    })
    child.stderr.on("data", (text) => (output += String(text)))
    child.on("close", () => {
      ready.delete(pid)
      children.delete(child)
      if (!isOver) start()
    })
    children.add(child)
  }
  const children = new Set<ReturnType<typeof spawn>>()
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      start()
      start()
    }),
    () =>
      Effect.sync(() => {
        isOver = true
        for (const child of children) child.kill("SIGKILL")
      }),
  )
  return { ready: Effect.sync(() => ready.size), output: () => output }
})
