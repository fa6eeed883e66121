// The anchors of headings, as GitHub makes them. The docs site uses the same ones, so that a link works in both.

/** Returns the anchor of a heading, without a number for a repeated one. */
export const slugOf = (heading) =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-')

/** Returns a function that makes the anchors of one page: a repeated heading gets `-1`, `-2`. */
export function slugger() {
  const used = new Map()
  return (heading) => {
    const slug = slugOf(heading)
    const count = used.get(slug) ?? 0
    used.set(slug, count + 1)
    return count === 0 ? slug : `${slug}-${count}`
  }
}
