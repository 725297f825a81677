/** Kinds of errors that providers name themselves, by a code or in words of their own. */
export type NamedKind = "key" | "quota" | "model" | "content" | "tier" | "absent"

interface Known {
  /** Codes, types and reasons, in any spelling: only their letters and digits count. */
  readonly codes: ReadonlyArray<string>
  /**
   * Beginnings of messages: a caller's own text may come back further on in one, and must not be able to take a backend
   * from the others. Only what is told to the caller anyway is looked for anywhere.
   */
  readonly words: ReadonlyArray<RegExp>
}

// Each with the providers that document it; test/adapters/llm/proxy/providerErrors.ts has a body of each.
export const knownErrors: Readonly<Record<NamedKind, Known>> = {
  /** The key, or the account that it is of, is not let in, whatever is asked. */
  key: {
    codes: [
      // OpenAI, Groq, DashScope
      "invalid_api_key",
      "account_deactivated",
      "mismatched_organization",
      "mismatched_project",
      "unsupported_country_region_territory",
      "organization_restricted",
      "organization_disabled",
      // Anthropic, Moonshot, MiniMax
      "authentication_error",
      "invalid_authentication_error",
      "incorrect_api_key_error",
      "authorized_error",
      "base_resp_1004",
      "base_resp_2049",
      // Google
      "API_KEY_INVALID",
      "API_KEY_SERVICE_BLOCKED",
      "API_KEY_HTTP_REFERRER_BLOCKED",
      "SERVICE_DISABLED",
      "API_KEY_IP_ADDRESS_BLOCKED",
      "CONSUMER_SUSPENDED",
      "CONSUMER_INVALID",
      "ACCOUNT_STATE_INVALID",
      "ACCESS_TOKEN_EXPIRED",
      "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
      "CREDENTIALS_MISSING",
      "UNAUTHENTICATED",
      // Others
      "api_key_disabled",
      "api_key_expired",
      "api_key_revoked",
      "token_expired",
    ],
    words: [
      /^(?:the |your |this )?api[ _-]?keys? (?:(?:is |was |has been |have been |provided )?(?:not (?:valid|found|active)|invalid|expired|disabled|blocked|revoked|suspended|deleted|currently|reported))/i,
      /^(?:an )?(?:incorrect|invalid|wrong|missing|no|unknown|expired|revoked) (?:x-)?api[ _-]?key\b/i,
      /^(?:the |your |this )?(?:organi[sz]ation|account|workspace|project|team|subscription|consumer)\b.{0,80}? (?:has been|have been|was|is|is currently) (?:disabled|deactivated|suspended|restricted|blocked|banned|terminated|denied|not active|inactive)\b/i,
      /^method doesn't allow unregistered callers\b/i,
      /^permission denied: consumer\b/i,
      /^requests from (?:referer|this ip address|this android|this ios)\b/i,
      /^user location is not supported\b/i,
      /^country, region, or territory not supported\b/i,
      /^access denied due to (?:invalid subscription key|virtual network)/i,
      /^authentication fail/i,
      /^login fail/i,
      /^no auth credentials found/i,
      /^oauth (?:authentication is|token has)\b/i,
      /^inactive subscription\b/i,
    ],
  },
  /** The account's money or its quota is used up. */
  quota: {
    codes: [
      // OpenAI, DashScope
      "insufficient_quota",
      "billing_hard_limit_reached",
      "billing_not_active",
      "usage_limit_reached",
      "Arrearage",
      "PrepaidBillOverdue",
      "PostpaidBillOverdue",
      "CommodityNotPurchased",
      "AccessDenied.Unpurchased",
      // Anthropic, Google, Groq
      "billing_error",
      "BILLING_DISABLED",
      "blocked_api_access",
      "spend_limit_reached",
      // Moonshot, MiniMax
      "exceeded_current_quota_error",
      "insufficient_balance_error",
      "base_resp_1008",
      "base_resp_2056",
      // Others
      "insufficient_balance",
      "insufficient_credits",
      "insufficient_user_quota",
      "credits_exhausted",
      "payment_required",
      "insufficient_funds",
      "AccountOverdueError",
    ],
    words: [
      /^(?:your )?(?:credit balance is too low|insufficient (?:account )?(?:balance|credits?|funds))/i,
      /^you(?:'ve| have) (?:reached|exceeded) your (?:specified |monthly |current )?(?:api )?(?:usage|spend(?:ing)?|billing|credit) limits?\b/i,
      /^(?:you|your (?:organi[sz]ation|workspace|account|team|project)|(?:this |the )?(?:organi[sz]ation|workspace|account|project))\b[^'"`]{0,60}?\b(?:reached|exceeded|hit|exhausted)\b[^'"`]{0,40}?\b(?:usage|spend(?:ing)?|billing|credit|budget)\b.{0,15}?\b(?:limits?|caps?|budgets?)\b/i,
      /^you have run out of credits\b/i,
      /^access denied, please make sure your account is in good standing/i,
      /^your (?:newly created )?team\b.{0,80}? (?:doesn't have any credits|has either used all available credits|has used all|has reached its)/i,
      /^(?:api )?key limit exceeded\b/i,
      /^billing (?:hard )?limit (?:has been )?reached/i,
      /^gemini api free tier is not available/i,
      /^your account\b.{0,80}? (?:is not active|is in arrears|has been suspended), please (?:check your (?:plan and )?billing|top up|recharge)/i,
      /^this (?:api method|model) requires billing to be enabled/i,
    ],
  },
  /** The account has no such model there. */
  model: {
    codes: [
      // OpenAI, Azure, GitHub
      "model_not_found",
      "DeploymentNotFound",
      "unavailable_model",
      "unknown_model",
      // Groq
      "model_decommissioned",
      "model_not_active",
      "model_terms_required",
      "model_permission_blocked_org",
      "model_permission_blocked_project",
      // Mistral, DashScope, MiniMax
      "invalid_model",
      "Model.AccessDenied",
      "ModelNotFound",
      "model_not_supported",
      "AllocationQuota.FreeTierOnly",
      "base_resp_2061",
      // Others
      "model_not_available",
      "model_not_exist",
      "model_deprecated",
      "ModelNotOpen",
      "InvalidEndpointOrModel.NotFound",
    ],
    words: [
      /^the model:? [`'"]?[\w.:/@-]+[`'"]? (?:does not exist|is not available|is not supported|is not found|has been (?:decommissioned|deprecated|retired)|is blocked|is (?:currently )?not active|requires terms)/i,
      /^(?:the )?requested model [`'"]?[\w.:/@-]+[`'"]? (?:does not exist|is not available|is not supported|was not found)/i,
      /^model: ?[`'"]?[\w.:/@-]+[`'"]?$/i,
      /^model:? [`'"]?[\w.:/@-]+[`'"]? (?:does not exist|is not available|is not found|not found)/i,
      /^model not exist/i,
      /^(?:unknown|invalid|unavailable|unsupported) model:? /i,
      /^models\/[\w.:/@-]+ is not found\b/i,
      /^not found the model\b/i,
      /^no endpoints found (?:for|matching your)\b/i,
      /^[\w.:/@-]+ is not a valid model id\b/i,
      /^project [`'"]?[\w-]+[`'"]? does not have access to model\b/i,
      /^(?:your )?(?:organization|team|account|api key|you)\b.{0,40}? (?:must be verified to use|(?:does|do) not have access to|is not authorized to (?:access|use)) (?:the |this )?model\b/i,
      /^(?:the )?(?:api )?deployment\b[^'"`]{0,80}?(?:[`'"][\w.:/@-]+[`'"])? ?(?:does not exist|(?:was |is )?not found)/i,
      /^access to (?:the )?model denied/i,
      /^the free (?:tier|quota) of the model has been exhausted/i,
    ],
  },
  /** The content is not to be said there. */
  content: {
    codes: [
      // OpenAI, Azure, Moonshot
      "content_policy_violation",
      "content_filter",
      "moderation_blocked",
      "ResponsibleAIPolicyViolation",
      "cyber_policy_violation",
      "usage_policy_violation",
      "policy_violation",
      "moderation_error",
      // Google, DashScope, MiniMax
      "PROHIBITED_CONTENT",
      "BLOCKLIST",
      "SAFETY",
      "DataInspectionFailed",
      "base_resp_1026",
      "base_resp_1027",
      // Others
      "content_blocked",
      "InputTextSensitiveContentDetected",
      "sensitive_content",
    ],
    words: [
      /\bflagged\b|\bmoderat(?:ion|ed)\b/i,
      /\b(?:content|usage|safety|acceptable[ -]use)(?: management)? (?:polic(?:y|ies)|guidelines?|filter(?:s|ing)?|violat)/i,
      /\bcontent violates\b|\bcontent exists risk\b|\bsafety system\b|\bnew_sensitive\b/i,
      /\b(?:inappropriate|sensitive|prohibited|unsafe|harmful) content\b|\bconsidered high risk\b/i,
    ],
  },
  /** A tier of service is full, and others are not. */
  tier: {
    codes: [
      "service_tier_capacity_exceeded",
      "capacity_exceeded",
      "NoCapacity",
      "resource_unavailable",
      "flex_resource_unavailable",
    ],
    words: [
      /^[^"`]{0,80}?\b(?:capacity (?:is |has been )?exceeded|at (?:full |maximum )?capacity|(?:no|out of|insufficient) capacity)\b/i,
      /^flex (?:processing|tier)?\b.{0,60}? (?:unavailable|exceeded|not available)/i,
    ],
  },
  /** The backend has no such route. */
  absent: {
    codes: ["unknown_url", "route_not_found"],
    words: [
      /^(?:not found|404 page not found|resource not found|method not allowed)\.?$/i,
      /^(?:invalid url|unknown request url|unknown endpoint|no route matched|cannot post)\b/i,
      /^the requested (?:url|resource|route) (?:was )?not found/i,
    ],
  },
}

/** Policies of an account, which are not about what was said. */
export const ACCOUNT_POLICY =
  /\b(?:identity-based|iam|access|network|organi[sz]ation(?:'s)?|resource-based) polic(?:y|ies)\b/i

/** In a 403 a word about content is enough: it is not the key's then, and of the rest nothing is said. */
export const FORBIDDEN_CONTENT =
  /\bcontents?\b|\bpolic(?:y|ies)\b|\bguidelines?\b|\bguardrails?\b|\bsafety\b|\bprompts?\b|\bharmful\b|\bsensitive\b/i
