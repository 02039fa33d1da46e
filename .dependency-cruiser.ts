/**
 * The import rules, each an error (`npm run imports`): the tree is a stack of rooms, imports go down it and never up, and
 * each library has one room. TypeScript 7 has no compiler API yet, hence the swc parser.
 */
import type { IConfiguration, IForbiddenRuleType } from 'dependency-cruiser'

/** `allowed`: rooms of src/ besides its own. */
const srcRoom = (from: string, ...allowed: string[]): IForbiddenRuleType => ({
  name: `src-${from.replace(/\W+/g, '-')}-imports-only-what-is-below`,
  severity: 'error',
  comment: `src/${from} may import ${allowed.length === 0 ? 'no other room' : allowed.join(', ')} (ARCHITECTURE.md says where things live)`,
  from: { path: `^src/(${from})/`, pathNot: TESTS },
  to: { path: '^src/[^/]+/', pathNot: `^src/(${[...allowed, '$1'].join('|')})/` },
})

/** Both are regular expressions. */
const oneRoom = (library: string, rooms: string): IForbiddenRuleType => ({
  name: `${library.replace(/\W+/g, '-').replace(/^-|-$/g, '')}-has-one-room`,
  severity: 'error',
  comment: `${library} may be imported in ${rooms} only`,
  from: { pathNot: rooms },
  to: { path: `node_modules/${library}(/|$)` },
})

// Tests, and what only tests import: a test may use whatever sets its scene.
const TEST_ONLY =
  '[.](test|fixture)[.]ts$|-contract[.]ts$|/testing[.]ts$|^connectors/[^/]+/testing/|^src/testing/(rules|simulator|world)/'
const TESTS = `${TEST_ONLY}|^src/testing/`

// What a benchmark or a test of real servers may use besides.
const OUTSIDE = '^(itest|bench|scripts|examples)/'

const BASE = ['common', 'config', 'records', 'ports']
const CORE = ['checkpoint', 'state', 'time', 'operators', 'planning']

const configuration: IConfiguration = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'two files that need each other are one idea, or share a third; types count too',
      from: {},
      to: { circular: true },
    },
    {
      name: 'every-import-resolves',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'libraries-are-declared',
      severity: 'error',
      comment: 'a package used at run time stands in dependencies',
      from: { path: '^(src|connectors)/', pathNot: TESTS },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'] },
    },

    srcRoom('common'),
    srcRoom('config', 'common'),
    srcRoom('records', 'common', 'config'),
    srcRoom('ports', 'common', 'config', 'records'),
    srcRoom('graph', ...BASE),
    srcRoom('api', ...BASE, 'graph'),
    srcRoom('checkpoint|state|time|operators|planning', ...BASE, 'graph', 'api', ...CORE),
    srcRoom('runtime', ...BASE, 'graph', 'api', ...CORE),
    srcRoom('inspect', ...BASE, 'graph', 'api', ...CORE, 'runtime'),
    srcRoom('service', ...BASE, 'graph', 'api', ...CORE, 'runtime'),
    srcRoom('threads', ...BASE, 'graph', 'api', ...CORE, 'runtime', 'service'),

    {
      name: 'src-never-imports-a-connector',
      severity: 'error',
      comment: 'the entry wires them, nothing else in src knows one',
      from: { path: '^src/', pathNot: `${TEST_ONLY}|^src/(main|wiring|open-storage)[.]ts$` },
      to: { path: '^connectors/' },
    },
    {
      name: 'connectors-import-only-the-ports',
      severity: 'error',
      from: { path: '^connectors/', pathNot: TESTS },
      to: { path: '^src/', pathNot: '^src/(ports|records|config|common)/' },
    },
    {
      name: 'connectors-never-import-one-another',
      severity: 'error',
      from: { path: '^connectors/([^/]+)/' },
      to: { path: '^connectors/', pathNot: '^connectors/$1/' },
    },
    {
      name: 'product-never-imports-its-surroundings',
      severity: 'error',
      from: { path: '^(src|connectors)/', pathNot: TESTS },
      to: { path: '^(itest|bench|scripts|examples|docker)/' },
    },
    {
      name: 'product-never-imports-a-test',
      severity: 'error',
      from: { pathNot: `${TESTS}|${OUTSIDE}` },
      to: { path: TEST_ONLY },
    },

    {
      name: 'entries-are-for-outside',
      severity: 'error',
      comment:
        'src/index.ts, src/millrace-state.ts and src/main.ts gather what is there; whoever imports them from within makes a circle',
      from: { path: '^(src|connectors)/', pathNot: TESTS },
      to: { path: '^src/(index|millrace-state|main)[.]ts$' },
    },

    oneRoom('kafkajs', `^connectors/kafka/client/|${OUTSIDE}`),
    oneRoom('@kafkajs/confluent-schema-registry', `^connectors/kafka/serde/|${OUTSIDE}`),
    oneRoom('@node-rs/crc32', '^connectors/kafka/codec/|^src/common/'),
    oneRoom('(snappy|lz4-napi)', '^connectors/kafka/codec/'),
    oneRoom('rocksdb-native', '^src/state/rocksdb/'),
    oneRoom('@aws-sdk', '^connectors/s3/|^itest/'),
    oneRoom('testcontainers', '^itest/'),
  ],
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|itest/fixtures|bench/peers)/' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json', '.d.ts'],
      exportsFields: ['exports'],
      conditionNames: ['millrace-source', 'import', 'node', 'default'],
    },
  },
}

export default configuration
