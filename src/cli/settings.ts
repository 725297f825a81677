import { Effect, Layer, Option } from "effect"
import { layer as EnvironmentSettings, Settings } from "../config.ts"
import { Data } from "./flags.ts"

/** The settings, with the data folder that the command line names. */
export const SettingsLayer = Layer.effect(
  Settings,
  Effect.gen(function* () {
    const settings = yield* Settings
    const dataFolder = Option.getOrElse(yield* Data, () => settings.dataFolder)
    return Settings.of({ ...settings, dataFolder })
  }),
).pipe(Layer.provide(EnvironmentSettings))
