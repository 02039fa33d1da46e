/** The servers that the tests of a file share: a broker whose sessions may be short, and S3. */
import { after, before } from 'node:test'
import { type KafkaServer, type S3Server, startKafka, startS3 } from '../support/servers.ts'

/** Started before the first test, closed behind the last; to be looked into within tests alone. */
export function sharedServers(): { readonly kafka: KafkaServer; readonly s3: S3Server } {
  const servers = {} as { kafka: KafkaServer; s3: S3Server }
  before(async () => {
    servers.kafka = await startKafka({ config: { 'group.min.session.timeout.ms': '1000' } })
    servers.s3 = await startS3()
  })
  after(async () => {
    await servers.kafka?.close()
    await servers.s3?.close()
  })
  return servers
}
