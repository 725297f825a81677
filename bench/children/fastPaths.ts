import { executionAsyncResource } from "node:async_hooks"
import { once } from "node:events"
import { createServer, type ServerResponse } from "node:http"
import { type AddressInfo, connect } from "node:net"
import type { Duplex } from "node:stream"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { WebSocket, WebSocketServer } from "ws"
import { ChunkedBody } from "../../src/adapters/llm/proxy/ChunkedBody.ts"
import { Connection } from "../../src/adapters/ws/Connection.ts"
import { textFrame } from "../../src/adapters/ws/textFrame.ts"

// Measures a fast path by itself, with it or without it (docs/fast-paths.md):
// node bench/children/fastPaths.ts <ticks|chunks|frames> [without]

const [what = "", how] = process.argv.slice(2)
const isFast = how !== "without"

const collect = () => {
  setFlagsFromString("--expose-gc")
  const gc = runInNewContext("gc") as (how: object) => void
  gc({ type: "major", execution: "sync", flavor: "last-resort" })
}

/** Microseconds of processor time for each of `count`, the best of some rounds. */
const cost = async (count: number, round: () => Promise<void>, rounds = 8): Promise<number> => {
  let best = Infinity
  for (let turn = 0; turn < rounds; turn += 1) {
    const before = process.cpuUsage()
    await round()
    const { system, user } = process.cpuUsage(before)
    best = Math.min(best, (user + system) / count)
  }
  return best
}

const pause = () => new Promise((done) => setTimeout(done, 5))

const burst = (count: number) =>
  new Promise<void>((done) => {
    let left = count
    const tick = () => {
      if (--left === 0) done()
    }
    for (let number = 0; number < count; number += 1) process.nextTick(tick)
  })

const kept: Array<object> = []
const ticks = async () => {
  if (isFast) {
    await new Promise<void>((done) =>
      process.nextTick(() => {
        kept.push(executionAsyncResource())
        done()
      }),
    )
  }
  await burst(1_000)
  await pause()
  collect()
  await pause()
  const count = 100_000
  return cost(count, () => burst(count))
}

const EVENT = `data: ${"x".repeat(100)}\n\n`
const chunks = async () => {
  const count = 2_000
  const answer = (response: ServerResponse) => {
    const body = new ChunkedBody(response)
    if (isFast) body.begin([])
    let left = count
    const next = () => {
      if (left-- === 0) return isFast ? body.end("") : response.end()
      if (isFast) body.write(EVENT)
      else response.write(EVENT, "latin1")
      setImmediate(next)
    }
    next()
  }
  const server = createServer((_, response) => answer(response)).listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  const best = await cost(count, async () => {
    const socket = connect(port, "127.0.0.1").resume()
    socket.write("GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n")
    await once(socket, "end")
  })
  server.close()
  return best
}

const frames = async () => {
  const count = 20_000
  const text = "x".repeat(300)
  const server = createServer().listen(0, "127.0.0.1")
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  server.on("upgrade", (request, socket: Duplex, head) =>
    sockets.handleUpgrade(request, socket, head, (ws) => {
      const connection = new Connection(ws, socket)
      const frame = textFrame(text)
      const send = (left: number) => {
        if (left === 0) return
        if (isFast) connection.write(Array.from({ length: 50 }, () => frame))
        else for (let number = 0; number < 50; number += 1) ws.send(text)
        setImmediate(send, left - 50)
      }
      ws.on("message", () => send(count))
    }),
  )
  await once(server, "listening")
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  await once(client, "open")
  const best = await cost(
    count,
    () =>
      new Promise<void>((done) => {
        let heard = 0
        client.removeAllListeners("message")
        client.on("message", () => {
          if (++heard === count) done()
        })
        client.send("go")
      }),
  )
  client.terminate()
  server.close()
  return best
}

const paths: Readonly<Record<string, () => Promise<number>>> = { ticks, chunks, frames }
const path = paths[what]
if (path === undefined) throw new Error(`one of ${Object.keys(paths).join(", ")}`)
console.log(`${what} ${isFast ? "with" : "without"}: ${(await path()).toFixed(3)}`)
