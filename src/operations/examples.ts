// The small crew of the examples of all documents.

const at = "2026-11-02T09:00:00.000Z"

export const ids = {
  project: "0a1f1c06-6f0c-5a52-9c52-7b2a3c1d4e10",
  chat: "5d3b6a0e-93d3-5a27-8f0b-0d5b0f6a7c21",
  task: "7c9e6679-7425-50de-944b-e07fc1f90ae7",
  blocker: "1b4e28ba-2fa1-51d2-883f-0016d3cca427",
  step: "6fa459ea-ee8a-5ca4-894e-db77e160355e",
  message: "16fd2706-8baf-533b-82eb-8c7fada847da",
  member: "886313e1-3b8a-5372-9b90-0c9aee199e5d",
  backend: "bkd_3f9a1c5b7d20",
} as const

export const project = {
  id: ids.project,
  name: "Team Board",
  slug: "team-board",
  description: null,
  repo_urls: ["https://git.example.org/team-board"],
  status: "active",
  prefix: "TE",
  task_counter: 1,
  chat_id: ids.chat,
  created_at: at,
  updated_at: at,
}

export const step = { id: ids.step, title: "Write a failing test", done: false }

export const task = {
  id: ids.task,
  project_id: ids.project,
  number: 1,
  key: "TE-1",
  title: "Fix login bug",
  description: "",
  type: "bug",
  priority: "high",
  labels: ["frontend"],
  parent_id: null,
  reviewer_slug: null,
  position: 0,
  time_spent: 0,
  status: "todo",
  assignee_slug: null,
  watchers: [],
  depends_on: [],
  steps: [],
  claim: null,
  created_by: "admin",
  created_at: at,
  updated_at: at,
}
export const taken = { ...task, assignee_slug: "ada", claim: 17 }

export const message = {
  id: ids.message,
  chat_id: null,
  task_id: ids.task,
  parent_id: null,
  author_type: "agent",
  author_slug: "bob",
  author_name: "Bob",
  content: "@ada need a hand?",
  mentions: ["ada"],
  voice_url: null,
  attachments: [],
  created_at: at,
}

export const member = {
  id: ids.member,
  slug: "ada",
  type: "agent",
  name: "Ada",
  role: "member",
  capabilities: ["code"],
  chat_listen: "mentions",
  task_listen: "assigned",
  prompt: null,
  model: "small",
  is_enabled: true,
  created_at: at,
  updated_at: at,
}

/** No token that opens anything. */
export const token = `tb-${"0".repeat(43)}`

export const frame = {
  type: "task.assigned",
  seq: 17,
  data: {
    id: ids.task,
    key: "TE-1",
    title: "Fix login bug",
    status: "todo",
    assignee_slug: "ada",
    project_id: ids.project,
  },
}

const mapping = {
  native_id: "gpt-5-mini",
  reasoning: false,
  reasoning_effort: null,
  input_modalities: ["text"],
  cost: { input: 0.00000025, output: 0.000002, cacheRead: 0.000000025, cacheWrite: 0 },
  context_window: 128_000,
  max_tokens: 65_536,
  compat: {},
}

export const backend = {
  id: ids.backend,
  name: "OpenAI, first key",
  label: "",
  api_base_url: "https://api.openai.com/v1",
  api_key: "sk-abc****wxyz",
  api: "openai-responses",
  timeout_seconds: 600,
  rpm_limit: 500,
  pool: "primary",
  enabled: true,
  status: "healthy",
  health: "healthy",
  fault: null,
  cooldown_scope: "backend",
  cooldown_until: null,
  consecutive_429_count: 0,
  cooldowns: [],
  model_mappings: { small: mapping },
  source: "webui",
  metadata: {},
  created_at: at,
  updated_at: at,
}

export const sums = {
  requests: 12,
  errors: 1,
  aborted: 0,
  failed_tries: 1,
  prompt_tokens: 8_400,
  completion_tokens: 2_100,
  total_tokens: 10_500,
  cached_tokens: 4_096,
  cache_write_tokens: 0,
  reasoning_tokens: 512,
  cost_usd: 0.0063,
  latency_ms: 1_840,
  first_output_ms: 420,
}
