// bareList.ts <postgres url> <schema>: a list of tasks as node:http gives it with nothing around. The SQL and the
// client are those of the program.
import { Redacted } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { connect } from "../../src/adapters/postgres/client.ts"
import { see } from "../../src/adapters/postgres/seen.ts"
import { task } from "../../src/projections/StateTables.ts"

const [url = "", schema = ""] = process.argv.slice(2)
const CONNECTIONS = 8
const LIMIT = 51
const columns = Object.keys(task.columns)
const sql = connect({ url: Redacted.make(url), schema }, { max: CONNECTIONS })

const server = createServer(async (request, response) => {
  const project_id = new URL(request.url ?? "", "http://localhost").searchParams.get("project_id") ?? ""
  const rows = await see<object>(
    sql,
    sql`select ${sql(columns)} from task where true and project_id = ${project_id}
      order by position, number, id limit ${LIMIT}`,
  )
  const body = JSON.stringify(rows.slice(0, LIMIT - 1))
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) })
  response.end(body)
})
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo
  console.log(JSON.stringify({ url: `http://127.0.0.1:${port}` }))
})
