import manifest from '../package.json' with { type: 'json' }

/** Of this package, fixed when it is built. */
export const VERSION: string = manifest.version
