import { assert, describe, it } from "vitest"
import { once } from "node:events"
import { createServer, type ServerResponse } from "node:http"
import { type AddressInfo, connect } from "node:net"
import { ChunkedBody } from "../../../../src/adapters/llm/proxy/ChunkedBody.ts"

/** All bytes that a server gives for what is sent on one connection, until it ends. */
const conversation = async (answer: (response: ServerResponse) => void, sent: string): Promise<string> => {
  const server = createServer((_, response) => answer(response)).listen(0, "127.0.0.1")
  await once(server, "listening")
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1")
  try {
    const pieces: Array<Buffer> = []
    socket.on("data", (piece) => pieces.push(piece))
    socket.write(sent)
    await once(socket, "end")
    return Buffer.concat(pieces).toString("latin1")
  } finally {
    socket.destroy()
    server.close()
  }
}

const stream = (response: ServerResponse) => {
  const body = new ChunkedBody(response)
  body.begin(["content-type", "text/plain"])
  body.write("first")
  body.write("")
  body.write("a second one that is longer\n")
  body.end("last")
}
const request = (version: string, connection: string) =>
  `GET / HTTP/${version}\r\nhost: here\r\nconnection: ${connection}\r\n\r\n`
const CHUNKS = "5\r\nfirst\r\n1c\r\na second one that is longer\n\r\n4\r\nlast\r\n0\r\n\r\n"
const answersIn = (text: string) => text.split(/(?=HTTP\/1\.1 200)/)

describe("a body with chunks of our own on node's response", () => {
  it("a body with chunks of our own on node's response is framed once, and said to be so once; the next answer on the connection is whole as well", async () => {
    const text = await conversation(stream, request("1.1", "keep-alive") + request("1.1", "close"))
    const answers = answersIn(text)
    assert.strictEqual(answers.length, 2)
    for (const answer of answers) {
      const [head = "", ...rest] = answer.split("\r\n\r\n")
      assert.strictEqual(head.match(/transfer-encoding: chunked/gi)?.length, 1)
      assert.notMatch(head, /content-length/i)
      assert.strictEqual(rest.join("\r\n\r\n"), CHUNKS)
    }
  })

  it("a body with chunks of our own on node's response is bare before HTTP/1.1, and ends with the connection", async () => {
    const text = await conversation(stream, request("1.0", "close"))
    assert.notMatch(text, /transfer-encoding/i)
    assert.isTrue(text.endsWith("\r\n\r\nfirsta second one that is longer\nlast"))
  })

  it("stands on two properties of node's response, which are as they were", async () => {
    let seen: ReadonlyArray<unknown> = []
    await conversation(
      (response) => {
        const asked = [response.useChunkedEncodingByDefault, response.chunkedEncoding]
        response.write("node's own")
        seen = [...asked, response.chunkedEncoding]
        response.end()
      },
      request("1.1", "close"),
    )
    assert.deepStrictEqual(seen, [true, false, true])
  })
})
