/** Metrics and logs. */
import { withDefault } from '../option.ts'
import { integer, oneOf, string } from '../option-types.ts'

export const SERVICE_OPTIONS = {
  metricsPort: withDefault({
    name: 'metrics-port',
    group: 'service',
    type: integer({ min: 1, max: 65_535, zeroWord: 'off' }),
    default: 9464,
    defaultText: '`9464`, or any free port where that is taken',
    description: 'Port of /metrics (Prometheus) and /healthz. A port that is set and taken is an error.',
  }),
  metricsHost: withDefault({
    name: 'metrics-host',
    group: 'service',
    type: string({ pattern: /^\S+$/, accepts: 'a host name or address' }),
    default: '127.0.0.1',
    description: 'The address it listens at. `0.0.0.0` opens it to the network; it has no authentication.',
  }),
  logFormat: withDefault({
    name: 'log-format',
    group: 'service',
    type: oneOf('auto', 'text', 'json'),
    default: 'auto',
    description:
      '`text` for people, `json` for machines (one object a line), `auto`: text on a terminal, JSON in a pipe. The log goes to standard output.',
  }),
  logLevel: withDefault({
    name: 'log-level',
    group: 'service',
    type: oneOf('debug', 'info', 'warn', 'error'),
    default: 'info',
    description: 'The least severe lines that are logged.',
  }),
} as const
