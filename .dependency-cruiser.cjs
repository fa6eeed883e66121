/** The layers of the house: an import may only point down. Packages meet at their public exports alone. */
const LAYERS = {
  core: [],
  canary: ['core'],
  tmux: ['core', 'canary'],
  forensics: ['core'],
  lifecycle: ['core', 'tmux', 'forensics'],
}

/** Between packages only the built public exports are seen, so a rule about a package is a rule about its folder. */
const layerRules = Object.entries(LAYERS).map(([name, allowed]) => ({
  name: `layer-of-${name}`,
  severity: 'error',
  comment: `${name} may use ${allowed.length === 0 ? 'no other package' : allowed.join(', ')}`,
  from: { path: `^packages/${name}/src` },
  to: { path: '^(packages|apps)/', pathNot: [`^packages/(${[name, ...allowed].join('|')})/`] },
}))

module.exports = {
  forbidden: [
    ...layerRules,
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
        pathNot: '^packages/(canary/src/spawn|tmux/src/exec/[^/]+|core/src/process/ps|dev/src/.*)\\.ts$',
      },
      to: { path: '^(node:)?child_process$|/node_modules/execa/' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules|/dist/' },
    exclude: { path: '/(test|bench|node_modules)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'default'] },
  },
}
