/** Millrace's options, as the client room takes them. */
import { readFileSync } from 'node:fs'
import { MillraceError, toError } from '../../src/common/errors.ts'
import type { Logger } from '../../src/common/logger.ts'
import type { Config } from '../../src/config/config.ts'
import type { KafkaClientOptions, SaslOptions } from './client/kafka-client-options.ts'

export function clientOptions(config: Config, logger: Logger): KafkaClientOptions {
  const sasl = saslOptions(config)
  return {
    brokers: config.brokers,
    clientId: config.kafkaClientId,
    connectionTimeoutMs: config.kafkaConnectionTimeoutMs,
    requestTimeoutMs: config.kafkaRequestTimeoutMs,
    logger,
    ...(config.kafkaTls ? { ssl: tlsOptions(config) } : {}),
    ...(sasl === undefined ? {} : { sasl }),
  }
}

function tlsOptions(config: Config) {
  const { kafkaTlsCa, kafkaTlsCert, kafkaTlsKey } = config
  return {
    ...(kafkaTlsCa === undefined ? {} : { ca: readOption('kafka-tls-ca', kafkaTlsCa) }),
    ...(kafkaTlsCert === undefined ? {} : { cert: readOption('kafka-tls-cert', kafkaTlsCert) }),
    ...(kafkaTlsKey === undefined ? {} : { key: readOption('kafka-tls-key', kafkaTlsKey) }),
  }
}

function readOption(option: string, file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new MillraceError('MR_CONFIG_INVALID_VALUE', `${option} is ${file}, which can't be read: ${toError(cause).message}`, {
      cause,
    })
  }
}

function saslOptions(config: Config): SaslOptions | undefined {
  const { kafkaSaslMechanism: mechanism, kafkaSaslUsername: username, kafkaSaslPassword: password } = config
  if (mechanism === 'none' || username === undefined || password === undefined) return undefined
  return { mechanism, username, password: password.reveal() }
}
