/** The options of a scene that keeps its checkpoints in S3. */
import type { S3Server } from '../support/servers.ts'
import { storageAccess } from '../support/storage-at.ts'
import type { SceneOptions } from './scene.ts'

export function inS3(s3: S3Server, scene: SceneOptions): SceneOptions {
  const { options, env } = storageAccess(s3)
  return {
    ...scene,
    options: { checkpoints: `s3://${s3.bucket}/checkpoints`, ...options, ...scene.options },
    env: { ...env, ...scene.env },
  }
}
