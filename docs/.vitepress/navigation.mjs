// The pages of the site in the order of its navigation; docs-site.test.ts in packages/dev checks that it has every page of docs.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const docs = fileURLToPath(new URL('../', import.meta.url))

/** An entry; none for a page that `pnpm bench` has not written yet. */
const page = (text, path) => (existsSync(`${docs}${path}.md`) ? [{ text, link: `/${path}` }] : [])

/** Returns the groups of the navigation. @param api the groups of the TypeScript API, which a build generates */
export const navigation = (api = []) => [
  {
    text: 'Start here',
    items: [...page('Quick start', 'quick-start'), ...page('Watch or start', 'watch-or-start')],
  },
  {
    text: 'Tutorials',
    items: [
      ...page('Watch my tmux', 'tutorials/watch-my-tmux'),
      ...page('Five agents', 'tutorials/five-agents'),
      ...page('Messages', 'tutorials/messages'),
      ...page('A fleet', 'tutorials/a-fleet'),
    ],
  },
  {
    text: 'How-to',
    items: [
      ...page('By task', 'how-to'),
      ...page('Configure', 'configuration'),
      ...page('Notifications', 'notifications'),
      ...page('Messages', 'messages'),
      ...page('Practise deaths', 'drill'),
    ],
  },
  {
    text: 'Concepts',
    items: [
      ...page('State diagrams', 'concepts'),
      ...page('States of a peer', 'states'),
      ...page('Architecture', 'architecture'),
      ...page('Glossary', 'glossary'),
      ...page('Decision: generation of a watched server', 'decisions/0001-generation-of-a-watched-server'),
      ...page('Decision: one intent file per declarer', 'decisions/0002-one-intent-file-per-declarer'),
      ...page('Decision: the witness does not attach', 'decisions/0003-the-witness-does-not-attach'),
    ],
  },
  {
    text: 'Operations',
    items: [
      ...page('Operate', 'operations'),
      ...page('Upgrade and uninstall', 'upgrade'),
      ...page('Containers', 'containers'),
    ],
  },
  {
    text: 'Reference',
    items: [
      ...page('Commands', 'commands'),
      ...page('Environment', 'environment'),
      ...page('Errors', 'errors'),
      ...page('Records', 'records'),
      ...api,
    ],
  },
  {
    text: 'Judge it',
    items: [
      ...page('Security', 'security'),
      ...page('Comparison', 'comparison'),
      ...page('Benchmarks', 'benchmarks'),
      ...page('Testing', 'testing'),
      ...page('Tested versions', 'compatibility'),
    ],
  },
  { text: 'Help', items: [...page('Troubleshooting', 'troubleshooting')] },
]
