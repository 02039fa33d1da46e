/** The bucket of checkpoints. */
import { optional } from '../option.ts'
import { boolean, httpUrl, secret, string } from '../option-types.ts'

export const S3_OPTIONS = {
  s3Endpoint: optional({
    name: 's3-endpoint',
    group: 's3',
    type: httpUrl,
    defaultText: 'AWS',
    description: 'The address of an S3-compatible store.',
  }),
  s3Region: optional({
    name: 's3-region',
    group: 's3',
    type: string(),
    defaultText: '`AWS_REGION` or the AWS profile; `us-east-1` with s3-endpoint',
    description: 'The region of the bucket.',
  }),
  s3PathStyle: optional({
    name: 's3-path-style',
    group: 's3',
    type: boolean,
    defaultText: '`true` with s3-endpoint, else `false`',
    description: 'Put the bucket’s name into the path instead of the host name. Most stores other than AWS need it.',
  }),
  s3AccessKeyId: optional({
    name: 's3-access-key-id',
    group: 's3',
    type: string(),
    defaultText: 'found as the AWS SDK does: environment, profile, role',
    description: 'Access key. Set together with s3-secret-access-key.',
  }),
  s3SecretAccessKey: optional({
    name: 's3-secret-access-key',
    group: 's3',
    type: secret,
    description: 'Secret key. Better set in the environment: flags show in process lists.',
  }),
} as const
