/** The docker provider's S3: versitygw, or an image that takes its arguments. */
import { IMAGES } from './images.ts'
import { freePort } from './ports.ts'
import { createBucket, isS3Ready, S3_DEFAULTS } from './s3-ready.ts'
import { engineHost, ServerContainer } from './server-container.ts'
import type { S3Options, S3Server } from './server-types.ts'

const PORT = 7070
const DATA_DIR = '/data'

export async function startDockerS3(options: S3Options): Promise<S3Server> {
  const port = await freePort()
  const endpoint = `http://${engineHost()}:${port}`
  const container = await ServerContainer.start({
    name: `S3 on ${endpoint}`,
    image: IMAGES.s3,
    env: { ROOT_ACCESS_KEY: S3_DEFAULTS.accessKeyId, ROOT_SECRET_KEY: S3_DEFAULTS.secretAccessKey },
    command: ['--port', `:${PORT}`, 'posix', DATA_DIR],
    port: { container: PORT, host: port },
    dataDir: DATA_DIR,
    isReady: () => isS3Ready(endpoint),
  })
  const bucket = options.bucket ?? S3_DEFAULTS.bucket
  try {
    await createBucket(endpoint, bucket)
  } catch (error) {
    await container.close()
    throw error
  }
  return {
    provider: 'docker',
    endpoint,
    ...S3_DEFAULTS,
    bucket,
    durable: true,
    dataDir: undefined,
    start: () => container.start(),
    stop: (signal) => container.stop(signal),
    logs: () => container.logs(),
    close: () => container.close(),
  }
}
