// The files of a model, wherever they were found: what every way of finding them answers with.
import type { BundledModel, HubModel } from './manifest.js';

/** Says how images become tensors. */
export const PREPROCESSOR = 'preprocessor_config.json';
/** Read where the other is not there: transformers 5 writes the same keys into it, under `image_processor`. */
export const PROCESSOR = 'processor_config.json';

/** One file of a model. */
export interface ModelFile {
  /** As the model's repository calls it. */
  name: string;
  /** Where it is. */
  path: string;
  /** Lower-case hex, where it is known without reading the file. */
  sha256: string | undefined;
}

/** A graph with the files that hold its larger tensors, if it has any. */
export interface GraphFile extends ModelFile {
  data: ModelFile[];
}

/** A model's files; that they are there is certain, what is in them is not. */
export interface FoundModel {
  id: string;
  revision: string;
  dtype: string;
  entry: BundledModel | HubModel | undefined;
  vision: GraphFile;
  preprocessor: ModelFile;
  config: ModelFile | undefined;
  text: TextTowerFiles | undefined;
  /** Both towers in one graph, which holds the scale and the bias of the logits. */
  combined: ModelFile | undefined;
  /** As the caller gave them. */
  logits: { scale: number; bias: number } | undefined;
}

/** The files of a text tower. */
export interface TextTowerFiles {
  graph: GraphFile;
  tokenizer: ModelFile;
  tokenizerConfig: ModelFile;
}

/**
 * Lists the files that a model is used from.
 * @param model - the model
 * @returns its graphs with their data, its tokenizer and its configuration; not the graph of both towers
 */
export function filesOf({ vision, text, preprocessor, config }: FoundModel): ModelFile[] {
  return [
    vision,
    ...vision.data,
    ...(text ? [text.graph, ...text.graph.data, text.tokenizer, text.tokenizerConfig] : []),
    preprocessor,
    ...(config ? [config] : []),
  ];
}
