import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { OpenApi } from "effect/http-api"
import { Api } from "../../src/adapters/http/Api.ts"
import { GatewayApi } from "../../src/adapters/http/gateway/GatewayApi.ts"
import { isRouted } from "../../src/adapters/http/placesOf.ts"
import { decoderOf, inputSchema } from "../../src/operations/decodeInput.ts"
import { nearest } from "../../src/domain/nearest.ts"
import { operations } from "../../src/operations/operations.ts"
import { codesOf, refusalCodes } from "../../src/operations/refusals.ts"
import { refusalsOf } from "../../src/operations/refusalsOf.ts"
import { Effect } from "effect"

// A document as JSON: tests look into it freely.
type Json = ReturnType<typeof JSON.parse>

const documents: ReadonlyArray<Json> = [OpenApi.fromApi(Api), OpenApi.fromApi(GatewayApi)].map((document) =>
  JSON.parse(JSON.stringify(document)),
)
const [crew] = documents

const described = documents.flatMap(({ paths }) =>
  Object.entries<Json>(paths).flatMap(([path, methods]) =>
    Object.entries<Json>(methods).map(([method, operation]) => ({ method, path, operation })),
  ),
)
const operationNamed = (name: string): Json =>
  described.find(({ operation }) => operation.operationId === name)?.operation

const codesAt = (operation: Json): ReadonlyArray<string> =>
  Object.values<Json>(operation.responses).flatMap((response) => response["x-problem-codes"] ?? [])

describe("rows of operations", () => {
  it("a row's example of an input is one that its schema takes", async () => {
    for (const row of operations) {
      const exit = await Effect.runPromiseExit(decoderOf(row)(row.example.input))
      assert.strictEqual(exit._tag, "Success", `${row.name}: ${JSON.stringify(exit)}`)
    }
  })

  it("a row's example of an answer is what its schema says", () => {
    for (const row of operations) {
      const { output } = row.example
      if (row.kind === "watch" || row.output === undefined || output === undefined) {
        assert.isUndefined(output, row.name)
        continue
      }
      const decode = Schema.decodeUnknownResult(row.output as unknown as Schema.Codec<unknown>)
      assert.strictEqual(decode(output)._tag, "Success", row.name)
    }
  })

  it("a row says in a few words and in sentences what it is for", () => {
    for (const { description, name, summary } of operations) {
      assert.match(summary, /^[A-Z].*[^.]$/, name)
      assert.isAtMost(summary.length, 60, name)
      assert.match(description, /^[A-Z][^]*[.!]$/, name)
    }
  })

  it("a row names no refusal twice, and none that every operation of its kind can give", () => {
    for (const row of operations) {
      const bare = refusalsOf({ ...row, refusals: [] }, "rest")
      assert.strictEqual(new Set(row.refusals).size, row.refusals.length, row.name)
      const known = row.refusals.filter((tag) => bare.includes(tag))
      assert.deepStrictEqual(known, [], row.name)
    }
  })
})

describe("OpenAPI", () => {
  it("the documents have each row under its own name, with summary, description and examples", () => {
    for (const row of operations.filter(isRouted)) {
      const operation = operationNamed(row.name)
      assert.strictEqual(operation.summary, row.summary)
      assert.include(operation.description, row.description)
      assert.include(operation.description, row.may.says)
      if (operation.requestBody !== undefined) {
        assert.isDefined(operation.requestBody.content["application/json"].example, row.name)
      }
    }
  })

  it("the documents list each route's own refusals with their codes, and no others", () => {
    for (const row of operations.filter(isRouted)) {
      const [, path] = row.rest
      const codes = refusalsOf(row, path.startsWith("/api/v1/") ? "rest" : "gateway")
        .flatMap(codesOf)
        .map(({ code }) => code)
      assert.sameMembers([...codesAt(operationNamed(row.name))], [...new Set(codes)], row.name)
    }
    assert.notProperty(operationNamed("member.me").responses, "412")
    assert.property(operationNamed("task.take").responses, "412")
    assert.include(codesAt(operationNamed("task.take")), "task_already_taken")
    assert.notInclude(codesAt(operationNamed("task.list")), "task_already_taken")
    const all = new Set(refusalCodes.map(({ code }) => code))
    for (const { operation } of described) for (const code of codesAt(operation)) assert.isTrue(all.has(code))
  })

  it("the documents promise headers where they are sent", () => {
    const has = (name: string, header: string) =>
      operationNamed(name).parameters.some((parameter: Json) => parameter.name === header)
    assert.isTrue(has("task.take", "If-Match") && has("task.take", "Crewlog-Claim"))
    assert.isTrue(has("member.change", "If-Match") && !has("member.change", "Crewlog-Claim"))
    assert.isFalse(has("task.create", "If-Match"))
    assert.isTrue(has("task.get", "If-None-Match") && !has("task.list", "If-None-Match"))
    assert.isFalse(has("usage.total", "Crewlog-Min-Seq"))
    assert.property(operationNamed("task.get").responses["200"].headers, "ETag")
    assert.notProperty(operationNamed("task.list").responses["200"].headers, "ETag")
    assert.property(operationNamed("task.list").responses["200"].headers, "Link")
  })

  it("the documents say that request bodies are closed, and what text is a UUID or a time", () => {
    const { schemas } = crew.components
    assert.isFalse(schemas.TaskCreate.additionalProperties)
    assert.notProperty(schemas.Task, "additionalProperties")
    assert.strictEqual(schemas.Task.properties.id.format, "uuid")
    assert.strictEqual(schemas.Task.properties.created_at.format, "date-time")
    for (const row of operations) assert.isDefined(inputSchema(row), row.name)
  })

  it("the documents refer to nothing that is not there, and have nothing twice", () => {
    for (const document of documents) {
      const text = JSON.stringify(document)
      for (const [, path = ""] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
        const found = path.split("/").reduce((at: Json, key) => at?.[key], document)
        assert.isDefined(found, path)
      }
      for (const name of Object.keys(document.components.schemas)) assert.notMatch(name, /_\d+$/)
    }
  })
})

describe("names that were misspelt", () => {
  const known = ["title", "priority", "assignee_slug", "depends_on", "reviewer_slug"]

  it.each([
    ["priorty", "priority"],
    ["Title", "title"],
    ["assignee-slug", "assignee_slug"],
    ["dependson", "depends_on"],
    ["assigne", undefined],
    ["colour", undefined],
    ["x".repeat(1_000), undefined],
  ])("a field %s was meant to be %s", (name, meant) => {
    assert.strictEqual(nearest(name, known), meant)
  })
})
