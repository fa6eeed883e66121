/** Returns whether a text is a message of iapeer: it begins with an envelope that has an id. */
export const isMail = (text: string): boolean => /^<iap\s+id="/.test(text)
