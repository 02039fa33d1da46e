/** The options of a scene that keeps its checkpoints in S3. */
import type { S3Server } from '../support/servers.ts'
import type { SceneOptions } from './scene.ts'

export function inS3(s3: S3Server, scene: SceneOptions): SceneOptions {
  return {
    ...scene,
    options: {
      checkpoints: `s3://${s3.bucket}/checkpoints`,
      's3-endpoint': s3.endpoint,
      's3-region': s3.region,
      's3-access-key-id': s3.accessKeyId,
      ...scene.options,
    },
    env: { MILLRACE_S3_SECRET_ACCESS_KEY: s3.secretAccessKey, ...scene.env },
  }
}
