/** The credential that is a canary: kept from view, since it opens nothing. */
export const CANARY_CREDENTIAL = 'sealpost/canary'
