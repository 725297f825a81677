import { assert, describe, it } from "vitest"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import { WebSocket, WebSocketServer } from "ws"
import { closings } from "../../../src/adapters/ws/closeCodes.ts"
import { Connection } from "../../../src/adapters/ws/Connection.ts"
import { textFrame } from "../../../src/adapters/ws/textFrame.ts"

/** The news that a client hears of what is done on a connection, in its order. */
const heard = async (act: (connection: Connection, ws: WebSocket, socket: Duplex) => void) => {
  const server = createServer()
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  server.on("upgrade", (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, (ws) => act(new Connection(ws, socket), ws, socket)),
  )
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const told: Array<string> = []
  client.on("message", (data) => told.push(String(data).slice(0, 20)))
  client.on("ping", () => told.push("ping"))
  try {
    const [code] = (await once(client, "close")) as [number]
    return [...told, code]
  } finally {
    client.terminate()
    server.close()
  }
}

describe("frames that go past ws", () => {
  it("frames that go past ws come in one order with its own pings, messages and closing", async () => {
    const long = textFrame("long ".repeat(20_000))
    const told = await heard((connection, ws) => {
      connection.write([textFrame("one"), long, textFrame("two")])
      connection.ping()
      connection.send(textFrame("three"))
      ws.send("four")
      connection.write([textFrame("five")])
      connection.close(closings.shuttingDown)
      connection.write([textFrame("never")])
      connection.send(textFrame("never"))
    })
    const cut = "long ".repeat(4)
    assert.deepStrictEqual(told, [
      "one",
      cut,
      "two",
      "ping",
      "three",
      "four",
      "five",
      closings.shuttingDown.code,
    ])
  })

  it("frames that go past ws may go past it, because ws holds nothing back: a frame of its own is with the socket at once", async () => {
    let grown = 0
    await heard((connection, ws, socket) => {
      socket.cork()
      const before = socket.writableLength
      ws.send("x")
      grown = socket.writableLength - before
      socket.uncork()
      connection.close(closings.shuttingDown)
    })
    assert.strictEqual(grown, textFrame("x").length)
  })
})
