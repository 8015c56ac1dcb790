/**
 * The deletion certificate as it stands in `deletion-certificate.json` (docs/certificate.md explains every field,
 * docs/schemas/deletion-certificate.schema.json is its schema). Fields follow NIST SP 800-88r2 section 4.6 and, as the
 * superset, Rev. 1 section 4.8. Nothing is left blank: what is not known says so.
 */

/** First member of the document. */
export const CERTIFICATE_FORMAT = 'sealpost-deletion-certificate'
/** Changes when a field changes its meaning or goes; a reader refuses versions that it does not know. */
export const CERTIFICATE_VERSION = 1
/** Namespace of every SSHSIG over a certificate: a signature for it is good for nothing else. */
export const CERTIFICATE_NAMESPACE = 'deletion-certificate@sealpost'
/** Name of the file whose exact bytes are signed. */
export const CERTIFICATE_FILE = 'deletion-certificate.json'
/** Folder within a project where it lies with its signatures. */
export const CERTIFICATE_FOLDER = 'certificate'

/** Method where the file system lets a key be overwritten in place. Names the target data and never the medium. */
export const METHOD_ERASE =
  'cryptographic erase of the target data (NIST SP 800-88r2 section 3.2) and logical deletion'
/** Method everywhere else. */
export const METHOD_DELETION = 'key deletion; remnants of the slot possible'

/** Stands where a fact could not be found out. */
export const UNKNOWN = 'unknown'
/** Stands where the system has the fact and does not show it to this user. */
export const NOT_READABLE = 'not readable'
/** Stands where a person did not say. */
export const NOT_GIVEN = 'not given'

/** What a finding about the workstation means for the deletion. */
export type FindingState = 'good' | 'adverse' | 'unknown'

/** One thing that was looked at on the workstation. */
export interface EnvironmentFinding {
  readonly code: string
  readonly state: FindingState
  readonly text: string
}

/** What deletion could not reach, or could not be shown to have reached. */
export interface ResidualRisk {
  readonly code: string
  readonly state: 'adverse' | 'unknown' | 'inherent'
  readonly text: string
}

/** What became of one class of objects. */
export interface ErasedClass {
  readonly class: ObjectClass
  readonly what: string
  readonly count: number
  readonly bytes: number
  /** How it was protected while it existed. */
  readonly protection: string
  readonly method: string
  readonly outcome: string
}

/** Everything that a project holds, by class; every certificate has a line for each. */
export type ObjectClass =
  | 'credentials'
  | 'intake-identity'
  | 'access-tokens'
  | 'ledger'
  | 'spool'
  | 'logs'
  | 'temporary-files'
  | 'other-state'
  | 'reports'
  | 'project-files'
  | 'backups'

/** A person who signs. */
export interface SigningPerson {
  readonly name: string
  readonly role: string
  readonly title: string
  readonly location: string
  readonly contact: string
  readonly at: string
  /** Name of the file with the signature, beside the certificate. */
  readonly signatureFile: string
  /** As `ssh-keygen -l` prints it. */
  readonly keyFingerprint: string
  /** One line, as in a `.pub` file. */
  readonly publicKey: string
}

/** One folder that was searched. */
export interface SearchedPlace {
  readonly place: string
  readonly path: string
  readonly files: number
  readonly bytes: number
  /** Files and folders that this user may not read. */
  readonly unreadable: number
  /** Sockets, pipes, devices and links, which are not followed. */
  readonly notFiles: number
  readonly state: 'searched' | 'not there' | 'not readable'
}

/** A check of one canary before and after the keys were destroyed. */
export interface CanaryProof {
  readonly object: 'credential' | 'spool' | 'ledger'
  readonly before: string
  readonly after: string
  /** How many keys that are still on this workstation were tried on it. */
  readonly keysTried: number
  readonly proven: boolean
}

/** The document. */
export interface DeletionCertificate {
  readonly format: typeof CERTIFICATE_FORMAT
  readonly version: typeof CERTIFICATE_VERSION
  readonly id: string
  readonly issued: {
    readonly at: string
    readonly timeZone: string
    readonly utcOffset: string
    readonly clock: string
  }
  readonly statements: readonly { readonly code: string; readonly text: string }[]
  readonly project: {
    readonly id: string
    readonly client: string
    readonly createdAt: string
    readonly purgeStartedAt: string
    readonly purgeFinishedAt: string
  }
  readonly delivery: {
    readonly certified: boolean
    readonly text: string
    readonly abandoned: { readonly reason: string } | null
    /** False when the ledger could not be opened any more: then every count is 0 and says nothing. */
    readonly counted: boolean
    readonly accounts: number
    readonly mailboxes: number
    readonly messages: {
      readonly source: number
      readonly landed: number
      readonly existing: number
      readonly skipped: number
      readonly quarantined: number
      readonly expunged: number
      readonly pending: number
      readonly neverVerified: number
    }
    readonly landedBytes: number
    readonly openFindings: number
  }
  readonly acceptedExceptions: readonly {
    readonly class: string
    readonly mailbox: string
    readonly count: number
    readonly reason: string
  }[]
  readonly sanitization: {
    readonly method: typeof METHOD_ERASE | typeof METHOD_DELETION
    readonly because: readonly string[]
    readonly medium: string
    readonly scope: string
    readonly verificationMethod: string
  }
  readonly media: {
    readonly manufacturer: string
    readonly model: string
    readonly serial: string
    readonly propertyNumber: string
    readonly type: string
    readonly source: {
      readonly hostSha256: string
      readonly user: string
      readonly projectId: string
      readonly operatingSystem: string
    }
    readonly fileSystem: string
    readonly diskEncryption: string
    readonly confidentiality: string
    readonly confidentialityAfter: string
    readonly destination: string
  }
  readonly objects: readonly ErasedClass[]
  readonly keys: {
    readonly algorithm: string
    readonly bits: number
    readonly randomSource: string
    readonly chain: string
    readonly encryptedSince: string
    readonly escrow: string
    readonly shredKey: {
      readonly place: string
      readonly bytes: number
      readonly existedBefore: boolean
      readonly overwritten: string
      readonly readBackDiffers: string
      readonly removed: boolean
    }
    readonly wrappedKeysDestroyed: number
    readonly documentsDestroyed: number
    readonly commitments: readonly { readonly key: string; readonly sha256: string }[]
    readonly commitmentsMadeAt: string
  }
  readonly verification: {
    readonly secretSearch: {
      readonly done: boolean
      readonly text: string
      readonly secrets: number
      readonly found: number
      readonly notSearchable: readonly { readonly name: string; readonly reason: string }[]
      readonly places: readonly SearchedPlace[]
    }
    readonly canaries: readonly CanaryProof[]
    readonly projectOpensAfter: string
    readonly canaryScan: {
      readonly done: boolean
      readonly text: string
      readonly canaries: number
      readonly found: number
      readonly places: readonly SearchedPlace[]
    }
    readonly trim: { readonly state: string; readonly text: string }
  }
  readonly process: {
    readonly steps: readonly {
      readonly step: string
      readonly startedAt: string
      readonly finishedAt: string
      readonly starts: number
    }[]
    readonly resumptions: readonly { readonly at: string; readonly step: string; readonly by: string }[]
    readonly obstacles: readonly { readonly at: string; readonly step: string; readonly text: string }[]
  }
  readonly people: {
    readonly signatory: { readonly name: string; readonly title: string; readonly organisation: string }
    readonly operator: SigningPerson
    readonly second: SigningPerson | null
    readonly dualControl: string
  }
  readonly environment: readonly EnvironmentFinding[]
  readonly residualRisks: readonly ResidualRisk[]
  readonly clientMustRotate: readonly {
    readonly credential: string
    readonly kind: string
    readonly revoked: boolean
    readonly answer: string
  }[]
  readonly backups: {
    readonly text: string
    readonly handedOver: readonly {
      readonly file: string
      readonly sha256: string
      readonly recipient: string
      readonly at: string
    }[]
  }
  readonly documentsRemoved: readonly {
    readonly name: string
    readonly bytes: number
    readonly sha256: string
  }[]
  readonly retained: readonly { readonly what: string; readonly until: string; readonly where: string }[]
  readonly legalHold: string
  readonly tool: {
    readonly name: string
    readonly version: string
    readonly commit: string
    readonly node: string
    readonly openssl: string
    readonly platform: string
  }
  readonly audit: { readonly text: string; readonly checkpoint: string | null }
  readonly signing: {
    readonly namespace: typeof CERTIFICATE_NAMESPACE
    readonly keyFingerprint: string
    readonly publicKey: string
    readonly minisignKey: string
    readonly files: readonly string[]
  }
}
