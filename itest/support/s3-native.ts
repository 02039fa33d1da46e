/** The native provider's S3: a process, its objects as files in a temporary folder. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from './leftovers.ts'
import { freePort } from './ports.ts'
import { type S3Program, s3Program } from './s3-programs.ts'
import { createBucket, isS3Ready, S3_DEFAULTS } from './s3-ready.ts'
import { ServerProcess } from './server-process.ts'
import type { S3Options, S3Server } from './server-types.ts'

export async function startNativeS3(options: S3Options): Promise<S3Server> {
  const program = await s3Program()
  const folder = temporaryFolder('s3')
  const dataDir = join(folder.path, 'data')
  await mkdir(dataDir)
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  const server = new ServerProcess({
    name: `${program.kind} on ${endpoint}`,
    program: program.path,
    args: serverArgs(program, port, dataDir),
    env: { ROOT_ACCESS_KEY: S3_DEFAULTS.accessKeyId, ROOT_SECRET_KEY: S3_DEFAULTS.secretAccessKey },
    logFile: join(folder.path, 's3.log'),
    isReady: () => isS3Ready(endpoint),
  })
  const bucket = options.bucket ?? S3_DEFAULTS.bucket
  const close = async () => {
    await server.stop('SIGKILL')
    await folder.remove()
  }
  try {
    await server.start()
    await createBucket(endpoint, bucket)
  } catch (error) {
    await close()
    throw error
  }
  return {
    provider: 'native',
    endpoint,
    ...S3_DEFAULTS,
    bucket,
    durable: program.kind === 'versitygw',
    dataDir: program.kind === 'versitygw' ? dataDir : undefined,
    start: () => server.start(),
    stop: (signal) => server.stop(signal),
    logs: () => server.logs(),
    close,
  }
}

function serverArgs(program: S3Program, port: number, dataDir: string): string[] {
  switch (program.kind) {
    case 'versitygw':
      return ['--port', `127.0.0.1:${port}`, 'posix', dataDir]
    case 'moto':
      return ['--host', '127.0.0.1', '--port', String(port)]
  }
}
