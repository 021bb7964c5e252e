// Nodes and their attributes in plain values.
import { AttributeProtoSchema, AttributeType, NodeProtoSchema, create } from './proto.js';
import type { AttributeProto, NodeProto, TensorProto } from './proto.js';

/** Plain form of an attribute: a bigint is an INT, a number is a FLOAT, and so are the elements of arrays. */
export type AttributeValue = bigint | number | string | readonly bigint[] | readonly number[] | TensorProto;

/** What {@link makeNode} needs besides the operator. */
export interface NodeParts {
  /** Unique in the graph, or empty. */
  name?: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes?: Readonly<Record<string, AttributeValue>>;
  /** Of the operator; ONNX's own when left out. */
  domain?: string;
}

/**
 * @param opType - the operator
 * @param parts - the rest
 * @returns a node that belongs to no graph yet
 */
export function makeNode(
  opType: string,
  { name, inputs, outputs, attributes = {}, domain }: NodeParts,
): NodeProto {
  return create(NodeProtoSchema, {
    opType,
    input: [...inputs],
    output: [...outputs],
    ...(name !== undefined && { name }),
    ...(domain !== undefined && { domain }),
    attribute: Object.entries(attributes).map(([key, value]) => makeAttribute(key, value)),
  });
}

function makeAttribute(name: string, value: AttributeValue): AttributeProto {
  const of = (type: AttributeType, field: object) => create(AttributeProtoSchema, { name, type, ...field });
  if (typeof value === 'bigint') return of(AttributeType.INT, { i: value });
  if (typeof value === 'number') return of(AttributeType.FLOAT, { f: value });
  if (typeof value === 'string') return of(AttributeType.STRING, { s: new TextEncoder().encode(value) });
  if (!isArray(value)) return of(AttributeType.TENSOR, { t: value });
  const floats = value.length > 0 && typeof value[0] === 'number';
  return floats
    ? of(AttributeType.FLOATS, { floats: [...value] })
    : of(AttributeType.INTS, { ints: [...value] });
}

// Array.isArray does not narrow readonly arrays.
function isArray(value: unknown): value is readonly (number | bigint)[] {
  return Array.isArray(value);
}

/**
 * @param node - a node
 * @param name - of an attribute
 * @returns the attribute, or undefined when the node has none of that name
 */
export function attribute(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find((one) => one.name === name);
}

/**
 * @param node - a node
 * @param name - of an INT attribute
 * @param fallback - the operator's default
 * @returns its value
 */
export function intAttribute<T extends number | undefined>(
  node: NodeProto,
  name: string,
  fallback: T,
): number | T {
  const found = attribute(node, name);
  return found ? Number(found.i) : fallback;
}

/**
 * @param node - a node
 * @param name - of a FLOAT attribute
 * @param fallback - the operator's default
 * @returns its value
 */
export function floatAttribute(node: NodeProto, name: string, fallback: number): number {
  return attribute(node, name)?.f ?? fallback;
}

/**
 * @param node - a node
 * @param name - of an INTS attribute
 * @returns its values, or undefined when the node has none of that name
 */
export function intsAttribute(node: NodeProto, name: string): number[] | undefined {
  return attribute(node, name)?.ints.map(Number);
}

/**
 * @param node - a node
 * @param name - of a STRING attribute
 * @param fallback - the operator's default
 * @returns its value
 */
export function stringAttribute(node: NodeProto, name: string, fallback: string): string {
  const found = attribute(node, name);
  return found ? new TextDecoder().decode(found.s) : fallback;
}

/**
 * Sets an attribute, in place of one of the same name.
 * @param node - a node
 * @param name - of the attribute
 * @param value - its value
 */
export function setAttribute(node: NodeProto, name: string, value: AttributeValue): void {
  node.attribute = [...node.attribute.filter((one) => one.name !== name), makeAttribute(name, value)];
}
