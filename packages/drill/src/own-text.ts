/** Returns a copy of a text: one that was cut out of a longer text would keep all of that in memory. */
export const ownText = (text: string): string => Buffer.from(text).toString()
