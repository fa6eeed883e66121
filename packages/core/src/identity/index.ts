export { type Identity, type IdentityParts, isIdentity, parseIdentity, toIdentity } from './identity.ts'
