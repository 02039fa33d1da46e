import { MillraceError } from '../../../src/common/errors.ts'
import type { KafkaClientOptions } from './kafka-client-options.ts'

/** Of Node's TLS: the certificate or the handshake is wrong, which no retry mends. */
const TLS_ERROR = /CERT|SELF_SIGNED|UNABLE_TO_|^ERR_(TLS|SSL)|EPROTO/

export function connectionLost(broker: string, cause: Error | undefined, hint = ''): MillraceError {
  const why = cause === undefined ? 'the broker closed it' : cause.message
  return new MillraceError('MR_KAFKA_UNREACHABLE', `the connection to broker ${broker} is gone: ${why}${hint}`, {
    cause,
    details: { broker },
  })
}

export function requestTimedOut(what: string, broker: string, timeoutMs: number): MillraceError {
  return new MillraceError('MR_KAFKA_REQUEST_TIMEOUT', `no answer from broker ${broker} to ${what} within ${timeoutMs} ms`, {
    details: { broker, request: what, timeoutMs },
  })
}

/** What kafkajs, Node or we say when a connection could not be opened, as one of our errors. */
export function openFailed(error: Error, broker: string, options: Pick<KafkaClientOptions, 'ssl' | 'sasl'>): MillraceError {
  if (isAuthenticationError(error)) {
    return new MillraceError('MR_KAFKA_AUTHENTICATION', `broker ${broker} refuses our credentials: ${error.message}`, {
      cause: error,
      details: { broker },
    })
  }
  const code = errorCode(error)
  if (TLS_ERROR.test(code)) {
    return new MillraceError('MR_KAFKA_TLS', `no TLS with broker ${broker}: ${error.message}`, {
      cause: error,
      details: { broker },
    })
  }
  if (error instanceof MillraceError && error.code !== 'MR_KAFKA_UNREACHABLE') return error
  // What is underneath says it without our frame around.
  const reason = error instanceof MillraceError && error.cause instanceof Error ? error.cause : error
  const message = `broker ${broker} cannot be reached: ${reason.message.replace(/^Connection error: /, '')}${hint(reason, options)}`
  return new MillraceError('MR_KAFKA_UNREACHABLE', message, { cause: reason, details: { broker } })
}

/** SASL, by kafkajs: a wrong password, or a mechanism that the broker or kafkajs doesn't know. */
function isAuthenticationError(error: Error): boolean {
  if (error.name === 'KafkaJSSASLAuthenticationError') return true
  return error.name === 'KafkaJSProtocolError' && 'type' in error && /SASL/.test(String(error.type))
}

/** A connection cut right behind its opening mostly means that one side speaks TLS or SASL and the other doesn't. */
function hint(error: Error, options: Pick<KafkaClientOptions, 'ssl' | 'sasl'>): string {
  if (!/closed|gone/i.test(error.message)) return ''
  if (!options.ssl) return ' (does this listener want TLS?)'
  return options.sasl === undefined ? ' (does this listener want SASL?)' : ''
}

function errorCode(error: Error): string {
  for (let e: unknown = error; e instanceof Error; e = e.cause) {
    if ('code' in e && typeof e.code === 'string' && !e.code.startsWith('MR_')) return e.code
  }
  return ''
}
