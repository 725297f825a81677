import type { ErrorKind } from "../../../../src/adapters/llm/proxy/errorKind.ts"

/** An answer of a provider that is no success, and its kind. `NATIVE` in a body is the backend's name of the model. */
export interface ProviderError {
  readonly provider: string
  readonly status: number
  /** JSON, or the text of a page. */
  readonly body: unknown
  readonly kind: ErrorKind
  /** Behind `/v1/`; `chat/completions` by default. */
  readonly route?: string
  /** The caller asked for a tier of service. */
  readonly hasTier?: boolean
}

type Row = readonly [
  status: number,
  kind: ErrorKind,
  body: unknown,
  more?: Pick<ProviderError, "route" | "hasTier">,
]

const of = (provider: string, rows: ReadonlyArray<Row>): ReadonlyArray<ProviderError> =>
  rows.map(([status, kind, body, more]) => ({ provider, status, kind, body, ...more }))

/** OpenAI's shape. */
const error = (
  message: string,
  code: string | null = null,
  type = "invalid_request_error",
  param: string | null = null,
) => ({ error: { message, type, param, code } })

const openAi = of("OpenAI", [
  [401, "key", error("Incorrect API key provided: sk-ab***yz.", "invalid_api_key")],
  [401, "key", error("You must belong to an organization to use this API.")],
  [403, "key", error("Country, region, or territory not supported", "unsupported_country_region_territory")],
  [400, "key", error("Your account has been deactivated.", "account_deactivated")],
  [429, "quota", error("You exceeded your current quota.", "insufficient_quota", "insufficient_quota")],
  [400, "quota", error("Billing hard limit has been reached", "billing_hard_limit_reached")],
  [403, "model", error("Project `proj_1` does not have access to model `NATIVE`", "model_not_found")],
  [
    404,
    "model",
    error("The model `NATIVE` does not exist or you do not have access to it.", "model_not_found"),
  ],
  [404, "caller", error("Model overloaded.")],
  [404, "model", error("Your organization must be verified to use the model `NATIVE`.", "model_not_found")],
  [400, "caller", error("The model 'draw' does not exist.", "model_not_found", "x", "tools[0].model")],
  [400, "content", error("Your request was rejected by the safety system.", "moderation_blocked")],
  [400, "content", error("Invalid prompt: it was flagged as against our usage policy.", "invalid_prompt")],
  [400, "caller", error("The context is 128000 tokens at most.", "context_length_exceeded")],
  [400, "caller", error("Invalid value: 'your credit balance is too low'", "invalid_value")],
  [404, "caller", error("Item with id 'rs_1' not found.")],
  [404, "absent", error("Invalid URL (POST /v1/responses)")],
  [429, "rate_limit", error("Rate limit reached: Limit 500, Used 500, Requested 1.", "rate_limit_exceeded")],
  [429, "rate_limit", error("Limit 10000, Used 8000, Requested 5000.", "rate_limit_exceeded", "tokens")],
  [
    429,
    "too_large",
    error("Request too large: Limit 30000, Requested 41872.", "rate_limit_exceeded", "tokens"),
  ],
  [429, "too_large", error("In TPM: Limit: 30,000, Requested: 41,872.", "rate_limit_exceeded", "tokens")],
  [429, "tier", error("Flex processing is unavailable now.", "resource_unavailable"), { hasTier: true }],
  [503, "failed", error("The engine is overloaded", null, "server_error")],
  [403, "model", error("You do not have access to the model NATIVE.")],
  [403, "model", error("The use of model NATIVE is not permitted here.")],
  [429, "too_large", error("Limit 6000, Used 500, Requested 7000.", "rate_limit_exceeded", "tokens")],
  [400, "caller", error("max_tokens: limit 100, requested 200")],
])

const azure = of("Azure", [
  [401, "key", error("Access denied due to invalid subscription key or wrong API endpoint.", "401")],
  [
    404,
    "model",
    {
      error: { code: "DeploymentNotFound", message: "The API deployment for this resource does not exist." },
    },
  ],
  [404, "absent", { error: { code: "404", message: "Resource not found" } }],
  [
    400,
    "content",
    {
      error: {
        code: "content_filter",
        message: "The prompt was filtered.",
        innererror: { code: "ResponsibleAIPolicyViolation" },
      },
    },
  ],
  [429, "rate_limit", error("Requests have exceeded the call rate limit of your S0 pricing tier.", "429")],
  [403, "key", error("Access denied due to Virtual Network/Firewall rules.", "403")],
  [404, "model", error("The deployment 'NATIVE' was not found.")],
  [429, "model_limit", { error: { code: "NoCapacity", message: "The system has high demand." } }],
])

const ofAnthropic = (type: string, message: string) => ({ type: "error", error: { type, message } })
const anthropic = of("Anthropic", [
  [401, "key", ofAnthropic("authentication_error", "invalid x-api-key")],
  [400, "key", ofAnthropic("invalid_request_error", "This organization has been disabled.")],
  [
    403,
    "key",
    ofAnthropic("permission_error", "OAuth authentication is currently not allowed for this organization."),
  ],
  [
    403,
    "forbidden",
    ofAnthropic("permission_error", "Your API key does not have permission to use the specified resource."),
  ],
  [403, "forbidden", ofAnthropic("forbidden", "Request not allowed")],
  [400, "quota", ofAnthropic("invalid_request_error", "Your credit balance is too low to access the API.")],
  [400, "quota", ofAnthropic("invalid_request_error", "You have reached your specified API usage limits.")],
  [402, "quota", ofAnthropic("billing_error", "There is a problem with your payment.")],
  [404, "model", ofAnthropic("not_found_error", "model: NATIVE")],
  [404, "absent", ofAnthropic("not_found_error", "Not Found")],
  [404, "caller", ofAnthropic("not_found_error", "File not found: file_1")],
  [400, "content", ofAnthropic("invalid_request_error", "Output blocked by content filtering policy")],
  [400, "caller", ofAnthropic("invalid_request_error", "messages.0.content: Field required")],
  [413, "caller", ofAnthropic("request_too_large", "Request exceeds the maximum size")],
  [429, "rate_limit", ofAnthropic("rate_limit_error", "This would exceed your organization's rate limit")],
  [429, "route_limit", ofAnthropic("rate_limit_error", "Too many"), { route: "messages/count_tokens" }],
  [429, "too_large", ofAnthropic("rate_limit_error", "Extra usage is required for long context requests.")],
  [529, "rate_limit", ofAnthropic("overloaded_error", "Overloaded")],
  [400, "quota", ofAnthropic("invalid_request_error", "This workspace has reached its monthly spend limit.")],
])

const ofGoogle = (code: number, status: string, message: string, ...details: ReadonlyArray<object>) => [
  { error: { code, message, status, details } },
]
const perModel = (quotaId: string) => ({ "@type": "QuotaFailure", violations: [{ quotaId }] })
const google = of("Google", [
  [400, "key", ofGoogle(400, "INVALID_ARGUMENT", "No.", { reason: "API_KEY_INVALID" })],
  [400, "key", ofGoogle(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.")],
  [400, "key", ofGoogle(400, "FAILED_PRECONDITION", "User location is not supported for the API use.")],
  [403, "key", ofGoogle(403, "PERMISSION_DENIED", "Your API key was reported as leaked.")],
  [403, "key", ofGoogle(403, "PERMISSION_DENIED", "It is off.", { reason: "SERVICE_DISABLED" })],
  [403, "key", ofGoogle(403, "PERMISSION_DENIED", "It is off.", { reason: "CONSUMER_SUSPENDED" })],
  [401, "key", ofGoogle(401, "UNAUTHENTICATED", "Invalid credentials")],
  [403, "quota", ofGoogle(403, "PERMISSION_DENIED", "Pay.", { reason: "BILLING_DISABLED" })],
  [
    400,
    "quota",
    ofGoogle(400, "FAILED_PRECONDITION", "Gemini API free tier is not available in your country."),
  ],
  [404, "model", ofGoogle(404, "NOT_FOUND", "models/NATIVE is not found for API version v1beta.")],
  [429, "model", ofGoogle(429, "RESOURCE_EXHAUSTED", "Quota exceeded for metric: m, limit: 0")],
  [
    429,
    "model_limit",
    ofGoogle(429, "RESOURCE_EXHAUSTED", "You exceeded your quota", perModel("PerMinutePerProjectPerModel")),
  ],
  [
    429,
    "model_quota",
    ofGoogle(
      429,
      "RESOURCE_EXHAUSTED",
      "You exceeded your quota",
      perModel("PerDayPerProjectPerModel-FreeTier"),
    ),
  ],
  [429, "rate_limit", ofGoogle(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).")],
  [400, "caller", ofGoogle(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")],
  [503, "failed", ofGoogle(503, "UNAVAILABLE", "The model is overloaded.")],
  [403, "key", ofGoogle(403, "PERMISSION_DENIED", "Your project has been denied access.")],
  [403, "key", ofGoogle(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers.")],
])

const xai = of("xAI", [
  [
    400,
    "key",
    { code: "Client specified an invalid argument", error: "Incorrect API key provided: xa***yz." },
  ],
  [403, "content", { code: "permission-denied", error: "Content violates usage guidelines." }],
  [
    403,
    "quota",
    { code: "permission-denied", error: "Your newly created team doesn't have any credits or licenses yet." },
  ],
  [
    429,
    "quota",
    {
      code: "exhausted",
      error: "Your team 1 has either used all available credits or reached its monthly spending limit.",
    },
  ],
  [
    404,
    "model",
    { code: "not-found", error: "The model NATIVE does not exist or your team does not have access to it." },
  ],
  [429, "rate_limit", { code: "exhausted", error: "Too many requests for team 1" }],
])

const mistral = of("Mistral", [
  [401, "key", { message: "Unauthorized", request_id: "1" }],
  [401, "key", { detail: "Unauthorized" }],
  [
    400,
    "model",
    { object: "error", message: "Invalid model: NATIVE", type: "invalid_model", param: null, code: "1500" },
  ],
  [429, "rate_limit", { message: "Requests rate limit exceeded" }],
  [
    429,
    "model_limit",
    {
      object: "error",
      message: "Service tier capacity exceeded for this model.",
      type: "service_tier_capacity_exceeded",
      code: "3505",
    },
  ],
  [422, "caller", { detail: [{ type: "missing", loc: ["body", "messages"], msg: "Field required" }] }],
])

const groq = of("Groq", [
  [401, "key", error("Invalid API Key", "invalid_api_key")],
  [
    400,
    "key",
    error("Organization has been restricted. Please reach out to support.", "organization_restricted"),
  ],
  [400, "model", error("The model `NATIVE` has been decommissioned.", "model_decommissioned")],
  [
    403,
    "model",
    error("The model `NATIVE` is blocked at the organization level.", "model_permission_blocked_org"),
  ],
  [400, "model", error("The model `NATIVE` requires terms acceptance.", "model_terms_required")],
  [
    413,
    "too_large",
    error(
      "Request too large on tokens per minute (TPM): Limit 6000, Requested 7322",
      "rate_limit_exceeded",
      "tokens",
    ),
  ],
  [498, "model_limit", error("The requested model's flex tier capacity is exceeded", "capacity_exceeded")],
  [
    498,
    "tier",
    error("The requested model's flex tier capacity is exceeded", "capacity_exceeded"),
    { hasTier: true },
  ],
  [498, "failed", error("Something else")],
  [400, "caller", error("Failed to call a function.", "tool_use_failed")],
])

const deepSeek = of("DeepSeek", [
  [401, "key", error("Authentication Fails (no such user)", "invalid_request_error", "authentication_error")],
  [402, "quota", error("Insufficient Balance", "invalid_request_error", "unknown_error")],
  [400, "model", error("Model Not Exist", "invalid_request_error")],
  [400, "content", error("Content Exists Risk", "invalid_request_error")],
  [429, "rate_limit", error("Rate limit reached")],
])

const dashScope = of("DashScope", [
  [401, "key", error("Incorrect API key provided.", "invalid_api_key")],
  [400, "key", { code: "InvalidApiKey", message: "Invalid API-key provided.", request_id: "1" }],
  [
    400,
    "quota",
    error("Access denied, please make sure your account is in good standing.", "Arrearage", "Arrearage"),
  ],
  [403, "quota", { code: "AccessDenied.Unpurchased", message: "Access denied" }],
  [403, "model", { code: "Model.AccessDenied", message: "Model access denied." }],
  [403, "model", error("The free tier of the model has been exhausted.", "AllocationQuota.FreeTierOnly")],
  [404, "model", error("The model `NATIVE` does not exist.", "model_not_found")],
  [400, "content", error("Input data may contain inappropriate content.", "data_inspection_failed")],
  [429, "rate_limit", error("You have exceeded your current request limit", "limit_requests")],
])

const moonshot = of("Moonshot", [
  [401, "key", error("Invalid Authentication", null, "invalid_authentication_error")],
  [
    400,
    "content",
    error("The request was rejected because it was considered high risk", null, "content_filter"),
  ],
  [404, "model", error("Not found the model NATIVE or Permission denied", null, "resource_not_found_error")],
  [429, "quota", error("Your account is not active.", null, "exceeded_current_quota_error")],
  [429, "rate_limit", error("The engine is currently overloaded", null, "engine_overloaded_error")],
  [
    403,
    "quota",
    error("You've reached your usage limit for this billing cycle.", null, "access_terminated_error"),
  ],
])

const miniMax = of("MiniMax", [
  [401, "key", ofAnthropic("authorized_error", "login fail: carry the API secret key (1004)")],
  [400, "key", ofAnthropic("authorized_error", "invalid api key (2049)")],
  [429, "quota", ofAnthropic("insufficient_balance_error", "insufficient balance (1008)")],
  [400, "content", ofAnthropic("bad_request_error", "input new_sensitive (1026)")],
  [400, "caller", ofAnthropic("bad_request_error", "invalid params (2013)")],
])

const openRouter = of("OpenRouter", [
  [401, "key", { error: { code: 401, message: "No auth credentials found" } }],
  [402, "quota", { error: { code: 402, message: "This request requires more credits" } }],
  [403, "quota", { error: { code: 403, message: "Key limit exceeded (total limit)." } }],
  [
    403,
    "content",
    {
      error: {
        code: 403,
        message: "Your chosen model requires it and your input was flagged",
        metadata: { reasons: ["violence"] },
      },
    },
  ],
  [404, "model", { error: { code: 404, message: "No endpoints found for NATIVE." } }],
  [404, "model", { error: { code: 404, message: "No endpoints found matching your data policy." } }],
  [400, "model", { error: { code: 400, message: "NATIVE is not a valid model ID" } }],
  [
    429,
    "model_limit",
    { error: { code: 429, message: "Provider returned error", metadata: { provider_name: "X" } } },
  ],
  [404, "caller", { error: { code: 404, message: "No endpoints found that support tool use." } }],
  [502, "failed", { error: { code: 502, message: "Provider returned error" } }],
  [403, "content", { error: { code: 403, message: "Forbidden", metadata: { reasons: ["violence"] } } }],
])

const others = of("anybody", [
  [403, "failed", "<html><title>Attention Required!</title></html>"],
  [404, "failed", "<html><h1>404 Not Found</h1></html>"],
  [400, "caller", "<html><h1>400 Bad Request</h1></html>"],
  [429, "rate_limit", "slow down"],
  [403, "forbidden", {}],
  [403, "forbidden", error("")],
  [403, "content", error("Blocked by your guardrail")],
  [404, "model", error("model 'NATIVE' not found")],
  [404, "absent", { detail: "Not Found" }],
  [408, "failed", {}],
  [500, "failed", error("API key not valid")],
  [400, "model_limit", error("The model is at capacity, try again later")],
  [400, "caller", error('Invalid value: "at capacity"')],
  [404, "model", error("No such model NATIVE in this region")],
  [403, "key", { success: false, errors: [{ code: 10000, message: "API key is disabled" }] }],
  [400, "model", { code: 1211, msg: "Model not exist" }],
  [403, "forbidden", error("Not authorized: no identity-based policy allows it")],
])

/** Providers' documented errors, in our own words: a line for each. */
export const providerErrors: ReadonlyArray<ProviderError> = [
  ...openAi,
  ...azure,
  ...anthropic,
  ...google,
  ...xai,
  ...mistral,
  ...groq,
  ...deepSeek,
  ...dashScope,
  ...moonshot,
  ...miniMax,
  ...openRouter,
  ...others,
]
