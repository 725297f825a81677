/** The answers of providers, as they write them. */

export const chatUsage = {
  prompt_tokens: 20,
  completion_tokens: 5,
  total_tokens: 25,
  prompt_tokens_details: { cached_tokens: 8 },
  completion_tokens_details: { reasoning_tokens: 2 },
}

export const chatAnswer = (model: string, content = "Hello there") => ({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1_764_000_000,
  model,
  choices: [{ index: 0, message: { role: "assistant", content, refusal: null }, finish_reason: "stop" }],
  usage: chatUsage,
})

export const completionAnswer = (model: string, text = "Hello there") => ({
  id: "cmpl-1",
  object: "text_completion",
  created: 1_764_000_000,
  model,
  choices: [{ index: 0, text, logprobs: null, finish_reason: "stop" }],
  usage: chatUsage,
})

export const embeddingsAnswer = (model: string, count = 1) => ({
  object: "list",
  data: Array.from({ length: count }, (_, index) => ({
    object: "embedding",
    index,
    embedding: [0.25, -0.5, 0.125],
  })),
  model,
  usage: { prompt_tokens: 4, total_tokens: 4 },
})

const responsesUsage = {
  input_tokens: 20,
  input_tokens_details: { cached_tokens: 8 },
  output_tokens: 5,
  output_tokens_details: { reasoning_tokens: 2 },
  total_tokens: 25,
}

export const responsesAnswer = (model: string, text = "Hello there") => ({
  id: "resp_1",
  object: "response",
  created_at: 1_764_000_000,
  status: "completed",
  error: null,
  incomplete_details: null,
  model,
  output: [
    {
      type: "message",
      id: "msg_1",
      status: "completed",
      role: "assistant",
      content: [{ type: "output_text", text, annotations: [] }],
    },
  ],
  usage: responsesUsage,
})

const messagesUsage = {
  input_tokens: 12,
  cache_creation_input_tokens: 3,
  cache_read_input_tokens: 5,
  output_tokens: 5,
}

export const messagesAnswer = (model: string, text = "Hello there") => ({
  id: "msg_1",
  type: "message",
  role: "assistant",
  model,
  content: [{ type: "text", text }],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: messagesUsage,
})

const data = (value: object) => `data: ${JSON.stringify(value)}\n\n`
const event = (value: { readonly type: string }) => `event: ${value.type}\n${data(value)}`

interface ChatStream {
  readonly usage?: object | null
  readonly role?: boolean
}

/** The events of a streamed chat; with `usage` as one that was asked to tell it. */
export const chatEvents = (
  model: string,
  pieces: ReadonlyArray<string>,
  { role = true, usage }: ChatStream = {},
): Array<string> => {
  const told = usage === undefined || usage === null ? {} : { usage: null }
  const chunk = (delta: object, finish_reason: string | null = null) =>
    data({
      id: "chatcmpl-1",
      object: "chat.completion.chunk",
      created: 1_764_000_000,
      model,
      choices: [{ index: 0, delta, logprobs: null, finish_reason }],
      ...told,
    })
  const ofUsage = data({
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1_764_000_000,
    model,
    choices: [],
    usage: usage ?? null,
  })
  return [
    ...(role ? [chunk({ role: "assistant", content: "", refusal: null })] : []),
    ...pieces.map((content) => chunk({ content })),
    chunk({}, "stop"),
    ...(usage === undefined || usage === null ? [] : [ofUsage]),
    "data: [DONE]\n\n",
  ]
}

export const completionEvents = (model: string, pieces: ReadonlyArray<string>): Array<string> => [
  ...pieces.map((text) =>
    data({
      id: "cmpl-1",
      object: "text_completion",
      model,
      choices: [{ index: 0, text, finish_reason: null }],
    }),
  ),
  data({
    id: "cmpl-1",
    object: "text_completion",
    model,
    choices: [{ index: 0, text: "", finish_reason: "stop" }],
    usage: chatUsage,
  }),
  "data: [DONE]\n\n",
]

export const messagesEvents = (model: string, pieces: ReadonlyArray<string>): Array<string> => [
  event({
    type: "message_start",
    message: {
      ...messagesAnswer(model),
      content: [],
      stop_reason: null,
      usage: { ...messagesUsage, output_tokens: 1 },
    },
  } as { type: string }),
  event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } } as {
    type: string
  }),
  event({ type: "ping" }),
  ...pieces.map((text) =>
    event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } } as { type: string }),
  ),
  event({ type: "content_block_stop", index: 0 } as { type: string }),
  event({
    type: "message_delta",
    delta: { stop_reason: "end_turn", stop_sequence: null },
    usage: { output_tokens: 5 },
  } as { type: string }),
  event({ type: "message_stop" }),
]

export const responsesEvents = (model: string, pieces: ReadonlyArray<string>): Array<string> => {
  let sequence_number = 0
  const numbered = (type: string, more: object) =>
    event({ type, sequence_number: sequence_number++, ...more } as { type: string })
  const begun = { ...responsesAnswer(model), status: "in_progress", output: [], usage: null }
  const item = { item_id: "msg_1", output_index: 0, content_index: 0 }
  return [
    numbered("response.created", { response: begun }),
    numbered("response.in_progress", { response: begun }),
    numbered("response.output_item.added", { output_index: 0, item: { type: "message", id: "msg_1" } }),
    ...pieces.map((delta) => numbered("response.output_text.delta", { ...item, delta })),
    numbered("response.output_text.done", { ...item, text: pieces.join("") }),
    numbered("response.completed", { response: responsesAnswer(model, pieces.join("")) }),
  ]
}
