/** The flags of `millrace state`; it has --to in common with `millrace savepoint`. */
export const STATE_SWITCHES = ['details', 'quick'] as const

/** May be given several times. */
export const STATE_LIST_FLAGS = ['drop-operator', 'drop-state', 'partitions'] as const

export const STATE_VALUE_FLAGS = [
  'checkpoint',
  'operator',
  'state',
  'key',
  'map-key',
  'job',
  'map',
  ...STATE_LIST_FLAGS,
] as const
