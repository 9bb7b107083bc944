/** The systems whose users can be imported. `sentri` is sentri's own format, for all other systems. */
export type ImportFormat = "sentri" | "better-auth" | "supabase" | "auth0" | "firebase" | "django" | "keycloak";

/**
 * The users to import: pieces of a file as bytes, which are split into lines, such as those of `fs.createReadStream`;
 * or lines as texts; or records as objects.
 */
export type ImportSource = AsyncIterable<Uint8Array | string | object> | Iterable<Uint8Array | string | object>;

/** The options of an import. */
export interface ImportOptions {
  /** The system that the users come from. */
  format: ImportFormat;
  /** Roles of users who bring none; the default roles if left out. */
  roles?: readonly string[] | undefined;
  /** Whether users may bring an admin role. Without it they are refused. */
  allowAdminRoles?: boolean | undefined;
  /** Whether second factors are left behind. Without it, users whose factors can't be carried over are refused. */
  dropFactors?: boolean | undefined;
  /** Whether the import only reads and checks everything, and writes nothing. */
  dryRun?: boolean | undefined;
  /** The parameters of Firebase's password hashes, as its console shows them. */
  firebase?: { signerKey: string; saltSeparator: string; rounds: number; memCost: number } | undefined;
  /** Called after each batch with the progress of the import. */
  onProgress?: ((progress: ImportProgress) => void) | undefined;
  /** Called for each line that is refused. */
  onRefused?: ((refusal: ImportRefusal) => void) | undefined;
  /** Called for each user who exists now, with the old id and the new id. */
  onUser?: ((user: ImportedUser) => void) | undefined;
}

/** The counts of an import so far. */
export interface ImportProgress {
  /** Lines that were read, empty ones too. */
  lines: number;
  /** Users that were written. */
  imported: number;
  /** Users that existed already, from an earlier import. */
  present: number;
  /** Lines that were refused. */
  refused: number;
  /** Seconds since the import began. */
  seconds: number;
}

/** A line that was refused. */
export interface ImportRefusal {
  /** Its number, from 1. */
  line: number;
  /** `VALIDATION_ERROR`, `INVALID_ROLE`, `FORBIDDEN`, `USER_ALREADY_EXISTS` or `USER_NOT_FOUND`. */
  code: string;
  /** The reason, without a hash or a secret. */
  message: string;
}

/** A user who exists after an import. */
export interface ImportedUser {
  /** The number of the line. */
  line: number;
  /** The id in the system that the user comes from. */
  from: string;
  /** The id here. */
  id: string;
}

/** The result of an import. */
export interface ImportReport extends Omit<ImportProgress, "seconds"> {
  /** The first 1,000 lines that were refused; `onRefused` gets all of them. */
  refusals: ImportRefusal[];
}
