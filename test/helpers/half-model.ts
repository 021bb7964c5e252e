// Models whose graphs take and give float16, made of those that take and give float32: as exporters write them.
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeNode } from '../../dist/esm/optimize/onnx/attributes.js';
import { DataType, type ValueInfoProto } from '../../dist/esm/optimize/onnx/proto.js';
import { readModel } from '../../dist/esm/optimize/onnx/read.js';
import { bytesOf } from './onnx.js';

/**
 * Writes a graph that computes the same, between float16 on both sides.
 * @param source - a tower; token ids stay what they are
 * @param target - the new file
 */
export async function writeHalfGraph(source: string, target: string): Promise<void> {
  const model = await readModel(source);
  const { graph } = model;
  const castTo = (to: DataType, from: string, name: string) =>
    makeNode('Cast', {
      name: `cast_${name}`,
      inputs: [from],
      outputs: [name],
      attributes: { to: BigInt(to) },
    });
  const [before, after] = [[] as ReturnType<typeof castTo>[], [] as ReturnType<typeof castTo>[]];
  for (const { name } of graph.input.filter(makeHalf)) {
    for (const node of graph.node)
      node.input = node.input.map((each) => (each === name ? `${name}_float` : each));
    before.push(castTo(DataType.FLOAT, name, `${name}_float`));
  }
  for (const { name } of graph.output.filter(makeHalf)) {
    const renamed = (each: string) => (each === name ? `${name}_float` : each);
    for (const node of graph.node)
      [node.input, node.output] = [node.input.map(renamed), node.output.map(renamed)];
    after.push(castTo(DataType.FLOAT16, `${name}_float`, name));
  }
  graph.node = [...before, ...graph.node, ...after];
  writeFileSync(target, bytesOf(model));
}

function makeHalf({ type }: ValueInfoProto): boolean {
  if (type?.value.case !== 'tensorType' || type.value.value.elemType !== (DataType.FLOAT as number))
    return false;
  type.value.value.elemType = DataType.FLOAT16;
  return true;
}

/**
 * @param source - a model's folder
 * @param target - folder of the copy, whose two towers are of float16
 */
export async function writeHalfModel(source: string, target: string): Promise<void> {
  cpSync(source, target, { recursive: true });
  for (const name of ['vision_model.onnx', 'text_model.onnx'])
    await writeHalfGraph(join(source, 'onnx', name), join(target, 'onnx', name));
}
