// Builds a graph node by node with the names that PyTorch's TorchScript exporter gives.
import { makeNode, type AttributeValue } from '../../dist/esm/optimize/onnx/attributes.js';
import { OnnxModel } from '../../dist/esm/optimize/onnx/model.js';
import {
  DataType,
  ModelProtoSchema,
  TensorShapeProtoSchema,
  TensorShapeProto_DimensionSchema,
  TypeProtoSchema,
  TypeProto_TensorSchema,
  ValueInfoProtoSchema,
  create,
  type ValueInfoProto,
} from '../../dist/esm/optimize/onnx/proto.js';
import { makeTensor, type TensorValues } from '../../dist/esm/optimize/onnx/tensor.js';

/** What a weight is for: decides its distribution where it is made up. */
export type WeightRole = 'linear' | 'residual' | 'embedding' | 'position' | 'scale' | 'bias';

/** Where weights come from: `name` is PyTorch's name of the parameter, linear layers as [in, out]. */
export type WeightSource = (name: string, shape: readonly number[], role: WeightRole) => Float32Array;

/** A graph in the making. Methods that add nodes return the name of the output. */
export class GraphBuilder {
  readonly model = new OnnxModel(
    create(ModelProtoSchema, {
      irVersion: 7n,
      producerName: 'pytorch',
      opsetImport: [{ domain: '', version: 14n }],
      graph: { name: 'main_graph' },
    }),
  );
  readonly #weights: WeightSource;
  readonly #counts = new Map<string, number>();

  constructor(weights: WeightSource) {
    this.#weights = weights;
  }

  /** Adds a node below the module `scope`, for example `/vision_model/encoder/layers.0/mlp`. */
  node(
    scope: string,
    opType: string,
    inputs: readonly string[],
    attributes: Record<string, AttributeValue> = {},
    output?: string,
  ): string {
    const name = this.#unique(`${scope}/${opType}`);
    const produced = output ?? `${name}_output_0`;
    this.model.graph.node.push(makeNode(opType, { name, inputs, outputs: [produced], attributes }));
    return produced;
  }

  /** A float32 scalar. */
  float(scope: string, value: number): string {
    return this.#constant(scope, DataType.FLOAT, [], Float32Array.of(value));
  }

  /** An int64 scalar. */
  int(scope: string, value: number | bigint): string {
    return this.#constant(scope, DataType.INT64, [], BigInt64Array.of(BigInt(value)));
  }

  /** A list of int64; `shape` when it is not one row of them. */
  ints(scope: string, values: readonly (number | bigint)[], shape: readonly number[] = [values.length]): string {
    return this.#constant(scope, DataType.INT64, shape, BigInt64Array.from(values, BigInt));
  }

  /** A parameter of the model; `as` when the exporter stores it under a name of its own. */
  weight(name: string, shape: readonly number[], role: WeightRole, as = name): string {
    this.model.graph.initializer.push(makeTensor(as, DataType.FLOAT, shape, this.#weights(name, shape, role)));
    return as;
  }

  /** A linear layer's weight, which the exporter transposes and numbers. */
  matmulWeight(name: string, shape: readonly [number, number], role: WeightRole): string {
    return this.weight(name, shape, role, this.#unique('onnx::MatMul'));
  }

  input(name: string, type: DataType, shape: readonly (string | number)[]): void {
    this.model.graph.input.push(valueInfo(name, type, shape));
  }

  output(name: string, type: DataType, shape: readonly (string | number)[]): void {
    this.model.graph.output.push(valueInfo(name, type, shape));
  }

  /** A value that is made anyway, put out as well. */
  untypedOutput(name: string): void {
    this.model.graph.output.push(create(ValueInfoProtoSchema, { name }));
  }

  #constant(scope: string, type: DataType, shape: readonly number[], values: TensorValues): string {
    return this.node(scope, 'Constant', [], { value: makeTensor('', type, shape, values) });
  }

  #unique(name: string): string {
    const count = this.#counts.get(name) ?? 0;
    this.#counts.set(name, count + 1);
    return count === 0 ? name : `${name}_${count}`;
  }
}

function valueInfo(name: string, type: DataType, shape: readonly (string | number)[]): ValueInfoProto {
  const dim = shape.map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value:
        typeof size === 'string' ? { case: 'dimParam', value: size } : { case: 'dimValue', value: BigInt(size) },
    }),
  );
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, {
      value: {
        case: 'tensorType',
        value: create(TypeProto_TensorSchema, {
          elemType: type,
          shape: create(TensorShapeProtoSchema, { dim }),
        }),
      },
    }),
  });
}
