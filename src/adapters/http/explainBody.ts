import { Explanation } from "../../projections/Explanation.ts"

export const ExplanationBody = Explanation.annotate({ identifier: "Explanation" })
