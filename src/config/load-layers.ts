/** Everything that can be known before the job is loaded: flags, the environment and the config file they name. */
import { layerOfConfigFile } from './config-file.ts'
import { type Flag, layerOfEnvironment, layerOfFlags, type OptionLayer } from './layers.ts'
import { resolveConfig } from './resolve.ts'

export interface ConfigSources {
  readonly flags: readonly Flag[]
  /** Flags of the command line that are no options: an unknown one may stand for one of them. */
  readonly otherFlags?: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Where the default config file is looked for, and what a relative --config starts from. */
  readonly directory: string
}

/** The layers, strongest first. The job's own options come behind them: `resolveConfig([...layers, layerOfJob(…)])`. */
export async function loadLayers({ flags, otherFlags, environment, directory }: ConfigSources): Promise<OptionLayer[]> {
  const layers = [layerOfFlags(flags, otherFlags), layerOfEnvironment(environment)]
  const { config } = resolveConfig(layers, ['config'])
  return [...layers, await layerOfConfigFile(directory, config.config)]
}
