import { describe, expect, it } from "vitest"
import { errorKind } from "../../../../src/adapters/llm/proxy/errorKind.ts"
import { jsonIn, upstreamErrorOf } from "../../../../src/adapters/llm/proxy/upstreamErrors.ts"
import { NATIVE } from "./gateway.ts"
import { providerErrors } from "./providerErrors.ts"

describe("What a provider answers", () => {
  it.each(providerErrors)("$provider's $status is of the kind $kind: $body", ({ body, kind, ...asked }) => {
    const text = typeof body === "string" ? body : JSON.stringify(body)
    const json = jsonIn(text.replaceAll("NATIVE", NATIVE))
    const { hasTier = false, route = "chat/completions", status } = asked
    const isReadable = json !== undefined
    const error = upstreamErrorOf(json)
    expect(errorKind({ status, error, isReadable, nativeId: NATIVE, route, hasTier })).toBe(kind)
  })
})
