import { Parser } from "@asyncapi/parser"
import { assert, describe, it } from "@effect/vitest"
import { asyncApi } from "../../../src/adapters/asyncapi/document.ts"
import { isCallable } from "../../../src/adapters/nats/agentCalls.ts"
import { operations } from "../../../src/operations/operations.ts"

describe("/asyncapi.json", () => {
  const document = JSON.parse(JSON.stringify(asyncApi()))

  it("the AsyncAPI document is AsyncAPI 3 that its parser has nothing against", async () => {
    const parser = new Parser()
    const { diagnostics, document: parsed } = await parser.parse(JSON.stringify(document))
    // Informational: a newer version of AsyncAPI exists, tags are missing, and the like.
    const serious = diagnostics.filter(({ severity }) => severity <= 1)
    assert.deepStrictEqual(serious, [])
    assert.strictEqual(parsed?.version(), "3.0.0")
  })

  it("the AsyncAPI document is refused by the parser when a reference leads nowhere", async () => {
    const broken = structuredClone(document)
    delete broken.components.schemas.Task
    const { diagnostics } = await new Parser().parse(JSON.stringify(broken))
    assert.isAbove(diagnostics.filter(({ severity }) => severity === 0).length, 0)
  })

  it("the AsyncAPI document has every command of agents, with what goes in and out", () => {
    for (const { name, summary: told } of operations.filter(isCallable)) {
      assert.strictEqual(document.channels[name].address, `crew.cmd.{agent}.${name}`)
      const { reply, summary } = document.operations[name]
      assert.strictEqual(summary, told)
      assert.lengthOf(reply.messages, 2)
    }
  })

  it("refers to nothing that is not there, and has nothing twice", () => {
    const text = JSON.stringify(document)
    for (const [, path = ""] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const found = path.split("/").reduce((at, key) => at?.[key.replaceAll("~1", "/")], document)
      assert.isDefined(found, path)
    }
    for (const name of Object.keys(document.components.schemas)) assert.notMatch(name, /_?\d+$/)
  })
})
