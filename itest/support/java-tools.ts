/** The tests' own Java programs (`*.java` in this folder), compiled into the cache once per source text. */
import { createHash } from 'node:crypto'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cached } from './cache.ts'
import { javaProgram } from './java.ts'
import { archiveOptions } from './kafka-archive.ts'
import { kafkaHome, kafkaJars } from './kafka-jars.ts'
import { mustRun } from './run-command.ts'

export interface JavaCommand {
  readonly program: string
  /** Arguments for the program's own go behind these. */
  readonly args: readonly string[]
}

/** How to run `<name>.java` with Kafka's jars on its class path. */
export async function javaTool(name: string): Promise<JavaCommand> {
  const jars = await kafkaJars()
  const source = fileURLToPath(new URL(`${name}.java`, import.meta.url))
  const digest = createHash('sha256')
    .update(jars.runtime)
    .update(await readFile(source))
    .digest('hex')
    .slice(0, 12)
  const jar = await cached(join(kafkaHome(), 'tools', `${name}-${digest}.jar`), `${name}.java`, async (unfinished) => {
    // A jar, not a folder: the class-data archive is of use only behind a class path of jars.
    const classes = `${unfinished}.classes`
    await mkdir(classes, { recursive: true })
    await mustRun(javaProgram('javac'), ['-nowarn', '-cp', jars.classPath, '-d', classes, source])
    await mustRun(javaProgram('jar'), ['--create', '--file', unfinished, '-C', classes, '.'])
    await rm(classes, { recursive: true })
  })
  const logging = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'
  const options = ['-Xmx512m', '-XX:+UseSerialGC', ...(await archiveOptions(jars)), logging]
  return { program: javaProgram('java'), args: [...options, '-cp', `${jars.classPath}:${jar}`, name] }
}
