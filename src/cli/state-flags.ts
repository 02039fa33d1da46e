/** The flags of `millrace state`. */
export const STATE_SWITCHES = ['details', 'quick'] as const

export const STATE_VALUE_FLAGS = ['checkpoint', 'operator', 'state', 'key', 'map-key', 'job'] as const
