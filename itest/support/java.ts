/** The Java of this machine, for Kafka as a process and for the Java programs of the tests. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from './run-command.ts'

/** What Kafka 4 brokers and tools need. */
const MINIMUM_JAVA = 17

/** A program of the JDK: of JAVA_HOME where that is set, else from PATH. */
export function javaProgram(name: 'java' | 'javac' | 'jar'): string {
  const home = process.env.JAVA_HOME
  return home ? join(home, 'bin', name) : name
}

let asked: Promise<string> | undefined

/** The runtime's full version, such as `17.0.15+6-Debian-1deb12u1`; an error that says what to install where there is none. */
export function javaVersion(): Promise<string> {
  asked ??= runCommand(javaProgram('java'), ['-XshowSettings:properties', '-version']).then(
    ({ stdout, stderr }) => {
      const version = /^\s*java\.vm\.version = (\S+)/m.exec(stdout + stderr)?.[1] ?? 'unknown'
      if (Number.parseInt(version, 10) >= MINIMUM_JAVA) return version
      throw new Error(`Kafka needs Java ${MINIMUM_JAVA} or newer, ${javaProgram('java')} is version ${version}`)
    },
    (error: Error) => {
      throw new Error(
        `Java was not found (${error.message}): install a JDK ${MINIMUM_JAVA} (Debian: apt-get install openjdk-17-jdk-headless maven) ` +
          'or start a Docker engine and use the docker provider',
      )
    },
  )
  return asked
}

/** Every jar of the folder, in a fixed order: a class-data archive is only valid for the class path it was made with. */
export async function classPath(libs: string): Promise<string> {
  const jars = (await readdir(libs)).filter((name) => name.endsWith('.jar')).sort()
  return jars.map((jar) => join(libs, jar)).join(':')
}
