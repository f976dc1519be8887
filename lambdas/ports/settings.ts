export interface Pace {
  /** by the time that an attempt has trained; the first that is not over yet counts */
  readonly reports: readonly { readonly untilSeconds: number; readonly everySeconds: number }[];
  /** what the clock's looks grow to while nothing happens */
  readonly longestLookSeconds: number;
}

export interface Settings {
  /** where a run goes that names no provider */
  readonly provider: string;
  /** all that are configured */
  readonly providers: readonly string[];
  /** the base model of a request that may name one and does not */
  readonly defaultBase: string;
  /** names of the operator's secrets that runs may name */
  readonly secrets: readonly string[];
  /** container images that requests may name, beside the configured trainer */
  readonly allowedImages: readonly string[];
  /** how often the trainer reports and the plane looks, while a run is live; the shortest of both where there is a pace */
  readonly reportSeconds: number;
  /** how reports and looks grow rarer, where they cost money; absent: they do not */
  readonly pace?: Pace;
  readonly stallSeconds: number;
  /** how long the plane waits for the claim of a reserved attempt before it launches it again */
  readonly claimSeconds: number;
  /** how long a machine may stay silent before it counts as lost */
  readonly silenceSeconds: number;
  /** how long a machine that is there may take until its trainer claims the attempt: boot, image, start */
  readonly startSeconds: number;
  /** how long a run waits for a provider without capacity before it is stopped */
  readonly capacitySeconds: number;
  /** where machines elsewhere reach this plane, `https://...` without a slash at its end; null: they do not */
  readonly publicUrl: string | null;
  /** the key below which run folders are made that nobody named a place for; default: `runs` */
  readonly runsBase?: string;
  /** what a provider that is not configured needs here, where that is known better than the table of providers has it */
  readonly providerRemedies?: Readonly<Partial<Record<string, string>>>;
}
