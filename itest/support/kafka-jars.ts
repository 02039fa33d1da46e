/**
 * Kafka without an image: the broker's jars from Maven Central and a formatted empty log folder to copy, both in
 * `<cache>/kafka-4.1.0/`. The other Java programs of the tests use the same jars.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDir, cached } from './cache.ts'
import { classPath, javaProgram, javaVersion } from './java.ts'
import { isInstalled, mustRun } from './run-command.ts'

export const KAFKA_VERSION = '4.1.0'
const SCALA_VERSION = '2.13'
const SLF4J_VERSION = '1.7.36'
const DEPENDENCY_PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'

export interface KafkaJars {
  /** The Java runtime's version. */
  readonly runtime: string
  /** All jars, joined by colons. */
  readonly classPath: string
  /** A formatted log folder to copy (node 1, `KAFKA_VERSION`'s features). */
  readonly formatted: string
}

/** Where the jars are or will be: `<cache>/kafka-4.1.0/libs`. */
export function kafkaHome(): string {
  return join(cacheDir(), `kafka-${KAFKA_VERSION}`)
}

/** Fetched if the cache hasn't got them. */
export async function kafkaJars(): Promise<KafkaJars> {
  const runtime = await javaVersion()
  const home = kafkaHome()
  const libs = await cached(join(home, 'libs'), `Kafka ${KAFKA_VERSION} jars`, downloadJars)
  const jars = await classPath(libs)
  const formatted = await cached(join(home, 'formatted'), 'Kafka log folder', (unfinished) => format(jars, unfinished))
  return { runtime, classPath: jars, formatted }
}

async function downloadJars(unfinished: string): Promise<void> {
  if (!(await isInstalled('mvn', ['--version']))) {
    throw new Error(
      'Maven was not found, it fetches Kafka: install it (Debian: apt-get install maven) or use the docker provider',
    )
  }
  const dependency = (group: string, artifact: string, version: string) =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`
  await mkdir(unfinished, { recursive: true })
  const pom = join(unfinished, 'pom.xml')
  await writeFile(
    pom,
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>millrace</groupId><artifactId>kafka-jars</artifactId><version>1</version>
<dependencies>
${dependency('org.apache.kafka', `kafka_${SCALA_VERSION}`, KAFKA_VERSION)}
${dependency('org.apache.kafka', 'kafka-tools', KAFKA_VERSION)}
${dependency('org.slf4j', 'slf4j-simple', SLF4J_VERSION)}
</dependencies></project>\n`,
  )
  await mustRun('mvn', ['--quiet', '--batch-mode', '--file', pom, DEPENDENCY_PLUGIN, `-DoutputDirectory=${unfinished}`])
  await rm(pom)
}

async function format(jars: string, unfinished: string): Promise<void> {
  const properties = `${unfinished}.properties`
  await writeFile(
    properties,
    `process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:9093\ncontroller.listener.names=CONTROLLER\n` +
      `listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093\nlog.dirs=${unfinished}\n`,
  )
  // The id is Kafka's base64 form of any 16 bytes; clusters made from this folder never meet.
  const options = ['format', '--cluster-id', 'TWlsbHJhY2VJVGVzdHNhdA', '--config', properties]
  await mustRun(javaProgram('java'), ['-XX:TieredStopAtLevel=1', '-cp', jars, 'kafka.tools.StorageTool', ...options])
  await rm(properties)
}
