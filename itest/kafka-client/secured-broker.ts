/**
 * A broker with listeners for every kind of security: SASL, TLS, both; with users and an authorizer. A process of this
 * machine in any case: what is tested is the client.
 */
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { javaProgram } from '../support/java.ts'
import { archiveOptions } from '../support/kafka-archive.ts'
import { brokerConfig } from '../support/kafka-config.ts'
import { kafkaJars } from '../support/kafka-jars.ts'
import { isKafkaReady } from '../support/kafka-ready.ts'
import { temporaryFolder } from '../support/leftovers.ts'
import { freePort } from '../support/ports.ts'
import { mustRun } from '../support/run-command.ts'
import { ServerProcess } from '../support/server-process.ts'

export interface SecuredBroker {
  /** Without any security; its user, ANONYMOUS, may do everything. */
  readonly plaintext: string
  readonly sasl: string
  readonly tls: string
  readonly saslOverTls: string
  /** PEM: the broker's own certificate, to be trusted. */
  readonly certificate: string
  restart(): Promise<void>
  close(): Promise<void>
}

const KEYTOOL = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, 'bin', 'keytool') : 'keytool'
const PASSWORD = 'keystore-password'

/** `alice` with `alice-secret`: PLAIN and SCRAM-SHA-256, SCRAM-SHA-512, and no rights but those a test gives her. */
export async function startSecuredBroker(): Promise<SecuredBroker> {
  const jars = await kafkaJars()
  const archive = await archiveOptions(jars)
  const folder = temporaryFolder('secured-kafka')
  const logDir = join(folder.path, 'data')
  await cp(jars.formatted, logDir, { recursive: true })
  const certificate = await makeKeystore(folder.path)
  const [plaintext, sasl, tls, saslOverTls, internal, controller] = (await Promise.all(
    Array.from({ length: 6 }, async () => `127.0.0.1:${await freePort()}`),
  )) as [string, string, string, string, string, string]
  const listeners = [
    `PLAINTEXT://${plaintext}`,
    `SASL://${sasl}`,
    `TLS://${tls}`,
    `BOTH://${saslOverTls}`,
    `INTERNAL://${internal}`,
  ]
  const plainUsers = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="alice-secret";'
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  const config = brokerConfig({
    listen: plaintext,
    advertised: plaintext,
    internal,
    controller,
    logDir,
    config: {
      listeners: [...listeners, `CONTROLLER://${controller}`].join(','),
      'advertised.listeners': listeners.join(','),
      'listener.security.protocol.map':
        'CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL,BOTH:SASL_SSL',
      'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      ...Object.fromEntries(
        ['sasl', 'both'].flatMap((listener) => [
          [`listener.name.${listener}.plain.sasl.jaas.config`, plainUsers],
          [`listener.name.${listener}.scram-sha-256.sasl.jaas.config`, scram],
          [`listener.name.${listener}.scram-sha-512.sasl.jaas.config`, scram],
          // Sessions end after twelve seconds: clients must authenticate again on the open connection (KIP-368).
          [`listener.name.${listener}.connections.max.reauth.ms`, '12000'],
        ]),
      ),
      'ssl.keystore.location': join(folder.path, 'keystore.p12'),
      'ssl.keystore.type': 'PKCS12',
      'ssl.keystore.password': PASSWORD,
      'ssl.key.password': PASSWORD,
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS',
    },
  })
  const properties = join(folder.path, 'server.properties')
  await writeFile(
    properties,
    Object.entries(config)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  )
  const java = ['-XX:TieredStopAtLevel=1', ...archive]
  const broker = new ServerProcess({
    name: `secured Kafka on ${plaintext}`,
    program: javaProgram('java'),
    args: [...java, '-Xmx512m', '-cp', jars.classPath, 'kafka.Kafka', properties],
    logFile: join(folder.path, 'kafka.log'),
    isReady: () => isKafkaReady(plaintext),
  })
  const close = async () => {
    await broker.stop('SIGKILL')
    await folder.remove()
  }
  try {
    await broker.start()
    const users = ['--bootstrap-server', plaintext, '--alter', '--entity-type', 'users', '--entity-name', 'alice']
    for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512']) {
      await mustRun(javaProgram('java'), [
        ...[...java, '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', jars.classPath, 'kafka.admin.ConfigCommand'],
        ...[...users, '--add-config', `${mechanism}=[password=alice-secret]`],
      ])
    }
  } catch (error) {
    await close()
    throw error
  }
  return {
    plaintext,
    sasl,
    tls,
    saslOverTls,
    certificate,
    restart: async () => {
      await broker.stop()
      await broker.start()
    },
    close,
  }
}

/** A key and a certificate that signs itself, for 127.0.0.1; resolves with the certificate. */
async function makeKeystore(folder: string): Promise<string> {
  const keystore = [
    '-keystore',
    join(folder, 'keystore.p12'),
    '-storetype',
    'PKCS12',
    '-storepass',
    PASSWORD,
    '-alias',
    'kafka',
  ]
  const key = ['-keyalg', 'RSA', '-keysize', '2048', '-validity', '2', '-dname', 'CN=kafka', '-ext', 'san=ip:127.0.0.1']
  await mustRun(KEYTOOL, ['-genkeypair', ...keystore, ...key])
  const certificate = join(folder, 'certificate.pem')
  await mustRun(KEYTOOL, ['-exportcert', '-rfc', ...keystore, '-file', certificate])
  return readFile(certificate, 'utf8')
}
