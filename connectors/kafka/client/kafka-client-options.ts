import type { ConnectionOptions as TlsOptions } from 'node:tls'
import type { Clock } from '../../../src/common/clock.ts'
import type { Logger } from '../../../src/common/logger.ts'

/** `username`/`password` for PLAIN and SCRAM; what kafkajs documents for the other mechanisms. */
export type SaslOptions =
  | { readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; readonly username: string; readonly password: string }
  | { readonly mechanism: 'oauthbearer'; readonly oauthBearerProvider: () => Promise<{ value: string }> }
  | {
      readonly mechanism: 'aws'
      readonly authorizationIdentity: string
      readonly accessKeyId: string
      readonly secretAccessKey: string
      readonly sessionToken?: string
    }

export interface KafkaClientOptions {
  /** Where to find the cluster first: `host:port`, port 9092 by default, IPv6 in brackets. */
  readonly brokers: readonly string[]
  readonly clientId?: string
  /** `true`: TLS with Node's certificates. */
  readonly ssl?: boolean | TlsOptions
  readonly sasl?: SaslOptions
  /** How long `connect` looks for a broker, all of `brokers` in turn, again and again. Default 15,000. */
  readonly connectTimeoutMs?: number
  /** For one TCP or TLS connection and its SASL handshake. Default 10,000. */
  readonly connectionTimeoutMs?: number
  /** For one answer; behind it the connection is given up and everything on it is asked again. Default 30,000. */
  readonly requestTimeoutMs?: number
  /** How old the list of brokers and leaders may become without any error. Default 300,000. */
  readonly metadataMaxAgeMs?: number
  readonly logger?: Logger
  /** Default: the system's. Sockets keep real time. */
  readonly clock?: Clock
  /** From 0 up to 1, for jitter. Default: Math.random. */
  readonly random?: () => number
}

export interface BrokerAddress {
  readonly host: string
  readonly port: number
}

export function parseBrokerAddress(text: string): BrokerAddress | null {
  const match = /^(?:\[([^\]]+)\]|([^:\s]+))(?::(\d{1,5}))?$/.exec(text.trim())
  if (match === null) return null
  const port = match[3] === undefined ? 9092 : Number(match[3])
  if (port < 1 || port > 65535) return null
  return { host: (match[1] ?? match[2]) as string, port }
}

export function formatBrokerAddress(address: BrokerAddress): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}
