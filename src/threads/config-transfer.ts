/** The configuration on its way to a thread: resolved once, in the main thread, so that all workers have the same. */
import type { Config } from '../config/config.ts'
import { Secret } from '../config/secret.ts'

export interface TransferredConfig {
  readonly plain: Readonly<Record<string, unknown>>
  /** Between threads of one process nothing is printed. */
  readonly secrets: Readonly<Record<string, string>>
}

export function transferConfig(config: Config): TransferredConfig {
  const plain: Record<string, unknown> = {}
  const secrets: Record<string, string> = {}
  for (const [key, value] of Object.entries(config)) {
    if (value instanceof Secret) secrets[key] = value.reveal()
    else plain[key] = value
  }
  return { plain, secrets }
}

export function receiveConfig({ plain, secrets }: TransferredConfig): Config {
  const hidden = Object.entries(secrets).map(([key, value]) => [key, new Secret(value)] as const)
  // The same keys and values that the main thread's Config has.
  return { ...plain, ...Object.fromEntries(hidden) } as unknown as Config
}
