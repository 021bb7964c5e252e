// What the generator of the differential test writes, and what the parts of the test tell each other.

/** Bounds of a difference, in grey levels. */
export interface Tolerance {
  mean: number;
  max: number;
}

/** One generated file, as manifest.json describes it. */
export interface Entry {
  file: string;
  format: string;
  /** Where it stands on each structural axis. */
  axes: Record<string, string>;
  /** Whose picture is right: Pillow's, the generator's own, sharp's (nobody else reads it), nobody's; or it must be refused. */
  reference: 'pillow' | 'source' | 'sharp' | 'none' | 'refuse';
  /** Raw RGB of the right picture, a file beside this one. */
  rgb?: string;
  width?: number;
  height?: number;
  tolerance: Tolerance;
  /** For the default decoder, where that rounds otherwise than the reference. */
  toleranceWithoutSharp: Tolerance;
  /** A refusal is a failure while sharp is installed. */
  must: boolean;
}

/** Who decodes: our routing, or one of the decoders alone. */
export type Way = 'product' | 'napi' | 'sharp';

/** What a child is asked to do. */
export interface Task {
  way: Way;
  /** The package to load from. */
  root: string;
  /** Where the files are. */
  folder: string;
  entries: Entry[];
  /** Whether pictures without a reference are kept beside their files. */
  save: boolean;
}

/** What came of one file. */
export interface Result {
  outcome: 'compared' | 'decoded' | 'other size' | 'error' | 'crash';
  width?: number;
  height?: number;
  mean?: number;
  max?: number;
  code?: string;
  error?: string;
}
