/**
 * The environment for a `millrace` process that a test starts. The variables of the tests themselves (MILLRACE_CACHE,
 * MILLRACE_ITEST_PROVIDER, …) must not reach it: it refuses every MILLRACE_ variable that is no option of a job.
 */
export function jobEnvironment(options: Readonly<Record<string, string>> = {}): Record<string, string> {
  const inherited: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !name.startsWith('MILLRACE_')) inherited[name] = value
  }
  return { ...inherited, ...options }
}
