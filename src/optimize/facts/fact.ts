// What can be known of a value before a graph runs, and what the rules of operators are told.
import type { OnnxModel } from '../onnx/model.js';
import type { NodeProto } from '../onnx/proto.js';
import type { Dim } from './dims.js';

/** What is known of one value. What is not known is undefined. */
export interface Fact {
  /** A `DataType`. */
  type?: number | undefined;
  shape?: readonly Dim[] | undefined;
  /** The elements of an integer scalar or list, as the parts of shapes are. */
  ints?: readonly Dim[] | undefined;
}

/** Of a value of which nothing is known. */
export const NOTHING: Fact = {};

/** What an operator's rule is told. */
export interface RuleInput {
  node: NodeProto;
  /** Of the node. */
  model: OnnxModel;
  /** Facts of the inputs; empty for those left out or unknown. */
  inputs: readonly Fact[];
  /** A symbol that stands for a size nobody knows. */
  fresh: () => Dim;
}
