// What a pass tells. Public: it names nothing of the graph's own types, whose declarations users don't need.

/** What one pass did. */
export interface PassReport {
  /** Of the pass. */
  name: string;
  /** How often its pattern was found and replaced. */
  found: number;
  /** Where something looked like the pattern but was left as it was. */
  left: { node: string; why: string }[];
}
