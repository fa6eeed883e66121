// Mermaid diagrams become pictures when the site is built. GitHub renders the same text itself.
import { renderMermaidSVG } from 'beautiful-mermaid'

/** The pictures name a font of a server of Google; the site uses the fonts of the reader's system. */
const FOREIGN_FONT = /\s*@import url\([^)]*\);/

/** Returns the picture of a diagram, in the colours of the site. */
export const diagramOf = (text) =>
  renderMermaidSVG(text, {
    bg: 'var(--vp-c-bg)',
    fg: 'var(--vp-c-text-1)',
    font: 'system-ui',
    transparent: true,
  }).replace(FOREIGN_FONT, '')

/** A plugin of markdown-it that renders the code blocks of the language `mermaid`. */
export function diagramPlugin(md) {
  const fence = md.renderer.rules.fence
  md.renderer.rules.fence = (tokens, at, ...others) => {
    const { info, content } = tokens[at]
    if (info.trim() !== 'mermaid') return fence(tokens, at, ...others)
    // Vue drops style elements of a template, so the picture is set as HTML.
    return `<div class="diagram" v-html="${md.utils.escapeHtml(JSON.stringify(diagramOf(content)))}"></div>\n`
  }
}
