import { Context } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"

/** Answers what comes to the gateway's door under `/v1/`: plain node from the socket on, for speed. */
export class ProxyHandler extends Context.Service<
  ProxyHandler,
  {
    /** Takes the request over: answers it, whatever happens, and ends when its client goes away. Never throws. */
    readonly handle: (request: IncomingMessage, response: ServerResponse) => void
  }
>()("crewlog/adapters/llm/ProxyHandler") {}
