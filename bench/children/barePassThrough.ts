// barePassThrough.ts <origin>: what a gateway costs at least. Reads a request, gives its model another name, sends it
// on to the same path, and passes the answer back as it comes.
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Pool } from "undici"

const pool = new Pool(process.argv[2] ?? "")

const server = createServer((request, response) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    const fields = JSON.parse(Buffer.concat(chunks).toString()) as { model: string }
    fields.model = "native-model"
    const headers = { "content-type": "application/json", authorization: "Bearer sk-upstream" }
    const asked = { method: "POST", path: request.url ?? "", headers, body: JSON.stringify(fields) } as const
    pool
      .stream(asked, ({ headers: { connection: _, "transfer-encoding": __, ...others }, statusCode }) =>
        response.writeHead(statusCode, others),
      )
      .catch(() => response.destroy())
  })
})
server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 }, () => {
  const { port } = server.address() as AddressInfo
  console.log(JSON.stringify({ url: `http://127.0.0.1:${port}` }))
})
