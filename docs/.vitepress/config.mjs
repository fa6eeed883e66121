// The docs site, built from docs/*.md by `pnpm run docs`. It loads nothing from the network: no fonts, no search service.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { slugOf } from '../../packages/dev/links/slug.mjs'
import { diagramPlugin } from '../../packages/dev/site/diagrams.mjs'
import { repositoryLinks } from '../../packages/dev/site/repository-links.mjs'
import { navigation } from './navigation.mjs'

const docs = fileURLToPath(new URL('..', import.meta.url))
/** What packages/dev/scripts/docs-site.mjs writes beside the pages of the TypeScript API. */
const API = fileURLToPath(new URL('../api/navigation.json', import.meta.url))

/** `pnpm bench` writes this page; pages link to it before. */
const BENCHMARKS = fileURLToPath(new URL('../benchmarks.md', import.meta.url))

const sidebar = navigation(existsSync(API) ? JSON.parse(readFileSync(API, 'utf8')) : [])

export default {
  title: 'iapeer',
  description: 'Learn why your agents and their tmux servers died.',
  outDir: '../dist/docs',
  cacheDir: '../node_modules/.cache/vitepress',
  // GitHub shows README.md for the directory, the site for its address.
  rewrites: { 'README.md': 'index.md' },
  ignoreDeadLinks: existsSync(BENCHMARKS) ? false : [/\/benchmarks$/],
  cleanUrls: false,
  lastUpdated: false,
  markdown: {
    // The Markdown of GitHub has no Vue in it: what looks like a tag is text.
    html: false,
    anchor: { slugify: slugOf },
    config: (md) => {
      md.use(repositoryLinks, { docs })
      md.use(diagramPlugin)
    },
  },
  themeConfig: {
    nav: [
      { text: 'Quick start', link: '/quick-start' },
      { text: 'Commands', link: '/commands' },
      { text: 'Troubleshooting', link: '/troubleshooting' },
    ],
    sidebar,
    outline: [2, 3],
    search: { provider: 'local' },
    socialLinks: [],
  },
}
