/**
 * The images of the docker provider: official ones, or what the environment names instead, such as those that
 * docker/build-local-images.sh builds where no registry can be reached.
 */
export const IMAGES = {
  kafka: process.env.MILLRACE_KAFKA_IMAGE || 'apache/kafka:4.1.0',
  s3: process.env.MILLRACE_S3_IMAGE || 'versity/versitygw:v1.8.0',
} as const
