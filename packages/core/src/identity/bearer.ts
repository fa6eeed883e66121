/** The beginning of every bearer: the token by which a session proves which peer it is. */
export const BEARER_PREFIX = 'iapb_'

const BEARER = /iapb_[A-Za-z0-9_-]+/g

/** Returns a text with every bearer in it replaced by `iapb_***`. */
export const maskBearers = (text: string): string => text.replace(BEARER, `${BEARER_PREFIX}***`)

/** The end of a text that is, or could become, a bearer. A bearer has 37 characters. */
const UNFINISHED = /i(?:a(?:p(?:b(?:_[A-Za-z0-9_-]{0,64})?)?)?)?$/

/** Returns the length of the end of a piece of text that has to be held until the next piece, so that a bearer split between both is masked. */
export const unfinishedBearer = (text: string): number => UNFINISHED.exec(text)?.[0].length ?? 0
