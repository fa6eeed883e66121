/** The layers of the house: an import may only point down. Packages meet at their public exports alone. */
const LAYERS = {
  core: [],
  protocol: ['core'],
  canary: ['core'],
  tmux: ['core', 'canary'],
  forensics: ['core'],
  lifecycle: ['core', 'canary', 'tmux', 'forensics'],
  host: ['core', 'canary', 'tmux', 'lifecycle', 'protocol'],
  drill: ['core', 'canary', 'tmux', 'forensics', 'lifecycle'],
}

/** The directories of lifecycle, each with what it may use; it meets another one at that one's index alone. */
const LIFECYCLE = {
  eventlog: [],
  runtimes: [],
  sessions: ['eventlog'],
  conversations: ['runtimes', 'sessions'],
  turns: ['runtimes', 'sessions', 'conversations'],
  tokens: ['sessions', 'conversations'],
  deaths: ['eventlog', 'sessions'],
  reap: ['eventlog', 'sessions', 'conversations'],
  launch: ['eventlog', 'runtimes', 'sessions', 'conversations', 'reap'],
  mail: ['eventlog', 'runtimes', 'sessions', 'conversations', 'turns', 'deaths', 'reap', 'launch'],
  supervise: [
    'eventlog',
    'runtimes',
    'sessions',
    'conversations',
    'turns',
    'tokens',
    'deaths',
    'reap',
    'launch',
    'mail',
  ],
  fleet: [
    'eventlog',
    'runtimes',
    'sessions',
    'conversations',
    'turns',
    'tokens',
    'deaths',
    'reap',
    'launch',
    'mail',
    'supervise',
  ],
}

/** Between packages only the built public exports are seen, so a rule about a package is a rule about its directory. */
const layerRules = Object.entries(LAYERS).map(([name, allowed]) => ({
  name: `layer-of-${name}`,
  severity: 'error',
  comment: `${name} may use ${allowed.length === 0 ? 'no other package' : allowed.join(', ')}`,
  from: { path: `^packages/${name}/src` },
  to: { path: '^(packages|apps)/', pathNot: [`^packages/(${[name, ...allowed].join('|')})/`] },
}))

const directoryRules = Object.entries(LIFECYCLE).map(([name, allowed]) => ({
  name: `lifecycle-${name}`,
  severity: 'error',
  comment: `lifecycle/${name} may use ${allowed.length === 0 ? 'no other directory' : `the index of ${allowed.join(', ')}`}`,
  from: { path: `^packages/lifecycle/src/${name}/` },
  to: {
    path: '^packages/lifecycle/src/',
    pathNot: [
      `^packages/lifecycle/src/${name}/`,
      ...(allowed.length === 0
        ? []
        : [`^packages/lifecycle/src/(${allowed.join('|')})(/(claude|codex))?/index\\.ts$`]),
    ],
  },
}))

module.exports = {
  forbidden: [
    ...layerRules,
    ...directoryRules,
    {
      name: 'lifecycle-has-directories-only',
      severity: 'error',
      comment: 'src holds index.ts and the directories that have rules above',
      from: { path: '^packages/lifecycle/src/' },
      to: {
        path: '^packages/lifecycle/src/',
        pathNot: `^packages/lifecycle/src/(${Object.keys(LIFECYCLE).join('|')})/`,
      },
    },
    {
      name: 'exec-loads-execa',
      severity: 'error',
      comment:
        'what needs no program does not load execa: of core only exec imports it, and the canary never',
      from: { path: '^packages/(core/src/(?!exec/)|canary/src/)' },
      to: { path: '^packages/core/(src|dist)/exec' },
    },
    {
      name: 'errors-without-their-texts',
      severity: 'error',
      comment:
        'an error is thrown without the catalogue: of core nothing imports it but for its types, and the canary never',
      from: { path: '^packages/(core/src/(?!errors/catalogue/)|canary/src/)' },
      to: { path: '^packages/core/(src|dist)/errors/catalogue', dependencyTypesNot: ['type-only'] },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'apps-are-the-top', severity: 'error', from: { path: '^packages' }, to: { path: '^apps' } },
    {
      name: 'public-exports-only',
      severity: 'error',
      comment: "another package's sources are not its interface",
      from: { path: '^(packages|apps)/([^/]+)/src' },
      to: { path: '^(packages|apps)/[^/]+/src', pathNot: '^$1/$2/src' },
    },
    {
      name: 'forensics-is-pure',
      severity: 'error',
      from: { path: '^packages/forensics/src' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'processes-start-in-few-places',
      severity: 'error',
      from: {
        path: '/src/',
        pathNot:
          '^packages/(canary/src/process/spawn|core/src/exec/[^/]+|core/src/process/ps|dev/src/.*)\\.ts$',
      },
      to: { path: '^(node:)?child_process$|/node_modules/execa/' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules|/dist/' },
    exclude: { path: '/(test|bench|node_modules|[.]declarations)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'default'] },
  },
}
