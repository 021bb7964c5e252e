// A graph that can be edited: who makes a value, who uses it, what is constant, and nodes put in the place of others.
import { VisionError } from '../errors.js';
import { attribute } from './onnx/attributes.js';
import { OnnxModel } from './onnx/model.js';
import { copyWith, DataType } from './onnx/proto.js';
import type { GraphProto, NodeProto, TensorProto } from './onnx/proto.js';
import {
  elementCount,
  isOfType,
  makeTensor,
  numberValues,
  shapeOf,
  type TensorValues,
} from './onnx/tensor.js';

/**
 * The main graph of a model, indexed for editing.
 *
 * The way to change it safely: find a value that can be made in another way, {@link replaceNode} the node that makes it
 * by one whose output has the same name, and let the pass that removes dead nodes clear away what nobody uses any more.
 * Whatever else used the values in between still finds them. A node's inputs must not be edited in place: use
 * {@link setInput}, or replace it.
 */
export class Graph {
  /** The model that is edited. Its tensors are shared with the one it was copied from. */
  readonly model: OnnxModel;
  readonly #producers = new Map<string, NodeProto>();
  readonly #users = new Map<string, Set<NodeProto>>();
  readonly #initializers = new Map<string, TensorProto>();
  /** Values that graphs inside of nodes use by name. */
  readonly #captured = new Set<string>();
  readonly #names = new Set<string>();

  /**
   * @param model - is not changed: the graph works on a copy, which shares the tensors
   * @throws `MODEL_INVALID` when a node comes before one that it needs, or two make a value of the same name
   */
  constructor(model: OnnxModel) {
    this.model = copyOf(model);
    const { graph } = this.model;
    for (const tensor of graph.initializer) this.#initializers.set(tensor.name, tensor);
    for (const { name } of [...graph.input, ...graph.initializer]) this.#names.add(name);
    for (const node of graph.node) {
      const doubled = node.output.find((name) => this.#producers.has(name));
      this.#index(node);
      const early = node.output.find((name) => name !== '' && this.#users.get(name)?.size);
      if (doubled === undefined && early === undefined) continue;
      throw new VisionError(
        'MODEL_INVALID',
        `Expected every value to be made once, before it is used, but "${doubled ?? early ?? ''}" is ` +
          `${doubled === undefined ? 'used before' : 'made twice, by'} the node "${node.name}".`,
      );
    }
  }

  /** In an order in which every node comes after those whose outputs it uses. */
  get nodes(): readonly NodeProto[] {
    return this.model.graph.node;
  }

  /** Names of the graph's outputs. */
  get outputs(): string[] {
    return this.model.graph.output.map(({ name }) => name);
  }

  /**
   * @param name - of a value
   * @returns the node that makes it; undefined for inputs and initialisers
   */
  producerOf(name: string | undefined): NodeProto | undefined {
    return name === undefined ? undefined : this.#producers.get(name);
  }

  /**
   * @param name - of a value
   * @param opType - an operator of ONNX's own domain, or of the one given
   * @param domain - of the operator
   * @returns the node that makes the value, if it is of that operator
   */
  producerOfType(name: string | undefined, opType: string, domain = ''): NodeProto | undefined {
    const node = this.producerOf(name);
    return node && isOperator(node, opType, domain) ? node : undefined;
  }

  /**
   * @param name - of a value
   * @returns the nodes that use it; see {@link isExposed} for other uses
   */
  usersOf(name: string): NodeProto[] {
    return [...(this.#users.get(name) ?? [])];
  }

  /**
   * @param name - of a value
   * @param opType - an operator of ONNX's own domain
   * @returns the node that uses it, if that is of the operator and there is no other use
   */
  onlyUserOf(name: string | undefined, opType: string): NodeProto | undefined {
    const [user, ...others] = name === undefined || this.isExposed(name) ? [] : this.usersOf(name);
    return user && others.length === 0 && isOperator(user, opType) ? user : undefined;
  }

  /**
   * @param name - of a value
   * @returns whether it is used by more than nodes of this graph: it is an output, or a graph inside uses it
   */
  isExposed(name: string): boolean {
    return this.#captured.has(name) || this.model.graph.output.some((output) => output.name === name);
  }

  /**
   * @param name - of a value
   * @returns the tensor, if the value is the same in every run: an initialiser that no input replaces, or a Constant
   */
  constantOf(name: string | undefined): TensorProto | undefined {
    if (name === undefined) return undefined;
    const initializer = this.#initializers.get(name);
    if (initializer)
      return this.model.graph.input.some((input) => input.name === name) ? undefined : initializer;
    const node = this.producerOfType(name, 'Constant');
    return node && attribute(node, 'value')?.t;
  }

  /**
   * @param name - of a value
   * @returns its number, if it is a constant of one element of a numeric type
   */
  scalarOf(name: string | undefined): number | undefined {
    const tensor = this.constantOf(name);
    if (!tensor || isOfType(tensor, DataType.STRING) || elementCount(shapeOf(tensor)) !== 1) return undefined;
    return numberValues(this.model, tensor)[0];
  }

  /**
   * @param name - of a value
   * @returns its numbers, if it is a constant of integers
   */
  intsOf(name: string | undefined): number[] | undefined {
    const tensor = this.constantOf(name);
    if (!tensor || !(isOfType(tensor, DataType.INT64) || isOfType(tensor, DataType.INT32))) return undefined;
    return numberValues(this.model, tensor);
  }

  /**
   * Adds a constant.
   * @param base - what its name begins with
   * @param type - of its elements
   * @param shape - dimensions
   * @param values - as {@link makeTensor} takes them
   * @returns its name, which nothing else has
   */
  addConstant(base: string, type: DataType, shape: readonly number[], values: TensorValues): string {
    const tensor = makeTensor(this.uniqueName(base), type, shape, values);
    this.#addInitializer(tensor);
    return tensor.name;
  }

  /**
   * Puts a constant in the place of a node.
   * @param node - of this graph; none of its outputs is an output of the graph
   * @param tensors - one for each output, in their order; they get the outputs' names
   */
  replaceByConstants(node: NodeProto, tensors: readonly TensorProto[]): void {
    this.removeNode(node);
    tensors.forEach((tensor, i) => this.#addInitializer(copyWith(tensor, { name: node.output[i] ?? '' })));
  }

  /**
   * Puts a node in the place of another.
   * @param node - of this graph
   * @param replacement - has the same outputs; its inputs are made before the old node
   */
  replaceNode(node: NodeProto, replacement: NodeProto): void {
    this.model.graph.node[this.#indexOf(node)] = replacement;
    this.#forget(node);
    this.#index(replacement);
  }

  /**
   * @param anchor - of this graph
   * @param node - goes right before it
   */
  insertBefore(anchor: NodeProto, node: NodeProto): void {
    this.model.graph.node.splice(this.#indexOf(anchor), 0, node);
    this.#index(node);
  }

  /** @param node - of this graph; nobody may use its outputs, or something else must make them from now on */
  removeNode(node: NodeProto): void {
    this.model.graph.node.splice(this.#indexOf(node), 1);
    this.#forget(node);
  }

  /**
   * @param node - of this graph
   * @param position - of the input
   * @param name - of the value to use from now on
   */
  setInput(node: NodeProto, position: number, name: string): void {
    this.#forget(node);
    node.input[position] = name;
    this.#index(node);
  }

  /**
   * Lets every node that uses one value use another.
   * @param from - no output of the graph and not used by graphs inside: see {@link isExposed}
   * @param to - a value of the same type and shape, made before all of those nodes
   */
  replaceUses(from: string, to: string): void {
    for (const node of this.usersOf(from)) {
      node.input.forEach((name, position) => {
        if (name === from) this.setInput(node, position, to);
      });
    }
  }

  /** @param names - of initialisers that nobody uses any more */
  removeInitializers(names: ReadonlySet<string>): void {
    const { graph } = this.model;
    graph.initializer = graph.initializer.filter(({ name }) => !names.has(name));
    for (const name of names) this.#initializers.delete(name);
  }

  /**
   * @param base - what the name begins with
   * @returns a name that no value and no node has
   */
  uniqueName(base: string): string {
    let name = base;
    for (let i = 1; this.#names.has(name); i++) name = `${base}_${i}`;
    this.#names.add(name);
    return name;
  }

  #addInitializer(tensor: TensorProto): void {
    this.#names.add(tensor.name);
    this.#initializers.set(tensor.name, tensor);
    this.model.graph.initializer.push(tensor);
  }

  #indexOf(node: NodeProto): number {
    const index = this.model.graph.node.indexOf(node);
    if (index < 0) throw new VisionError('INVALID_ARGUMENT', `The node "${node.name}" is not in the graph.`);
    return index;
  }

  #index(node: NodeProto): void {
    this.#names.add(node.name);
    for (const name of node.output) {
      if (name === '') continue;
      this.#names.add(name);
      this.#producers.set(name, node);
    }
    for (const name of node.input) {
      const users = this.#users.get(name) ?? new Set();
      this.#users.set(name, users.add(node));
    }
    for (const inner of graphsOf(node)) captures(inner, this.#captured);
  }

  #forget(node: NodeProto): void {
    for (const name of node.output) if (this.#producers.get(name) === node) this.#producers.delete(name);
    for (const name of node.input) this.#users.get(name)?.delete(node);
  }
}

/**
 * @param node - any
 * @param opType - of an operator
 * @param domain - of the operator; ONNX's own when left out
 * @returns whether the node is of that operator
 */
export function isOperator(node: NodeProto, opType: string, domain = ''): boolean {
  return node.opType === opType && (node.domain === 'ai.onnx' ? '' : node.domain) === domain;
}

function graphsOf(node: NodeProto): GraphProto[] {
  return node.attribute.flatMap(({ g, graphs }) => (g ? [g, ...graphs] : graphs));
}

// Every name that is used inside counts, even one that is made inside: too many cost nothing but a fusion.
function captures(graph: GraphProto, into: Set<string>): void {
  for (const { name } of graph.output) into.add(name);
  for (const node of graph.node) {
    for (const name of node.input) into.add(name);
    for (const inner of graphsOf(node)) captures(inner, into);
  }
}

// Nodes and lists are copied, because they are edited; tensors, which are large, are not.
function copyOf(model: OnnxModel): OnnxModel {
  const { graph, proto } = model;
  const copy = copyWith(proto, {
    opsetImport: proto.opsetImport.map((entry) => copyWith(entry, {})),
    graph: copyWith(graph, {
      node: graph.node.map((node) => copyWith(node, { input: [...node.input], output: [...node.output] })),
      initializer: [...graph.initializer],
      input: [...graph.input],
      output: [...graph.output],
      valueInfo: [...graph.valueInfo],
    }),
  });
  return new OnnxModel(copy, model.folder);
}
