/** 130: interrupted. 2: the command line or the configuration is wrong, and starting again won't help. 1: everything else. */
export function exitCodeOf(thrown: unknown): number {
  const code = (thrown as { code?: unknown } | null)?.code
  if (code === 'MR_CLI_INTERRUPTED') return 130
  return typeof code === 'string' && /^MR_(CLI_USAGE|CONFIG_)/.test(code) ? 2 : 1
}
