import manifest from '../package.json' with { type: 'json' }

/** The version of this package, set when it is built. */
export const VERSION: string = manifest.version
