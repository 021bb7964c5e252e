// SigLIP's two towers as graphs, operator for operator what a TorchScript export of them holds.
import type { OnnxModel } from '../../dist/esm/optimize/onnx/model.js';
import { DataType } from '../../dist/esm/optimize/onnx/proto.js';
import { asList, dimension, encoder, layerNorm, parameter, reshape, transpose, type TowerSize } from './blocks.js';
import { GraphBuilder, type WeightSource } from './graph-builder.js';
import { mapHead } from './map-head.js';

/** The image tower. */
export interface VisionSize extends TowerSize {
  /** Pixels a side. */
  image: number;
  /** Pixels a side. */
  patch: number;
}

/** The text tower. */
export interface TextSize extends TowerSize {
  vocabulary: number;
  /** Tokens. */
  positions: number;
}

/**
 * `pixel_values` -> `last_hidden_state`, `pooler_output`.
 * @param size - of the tower
 * @param weights - its parameters
 * @param root - PyTorch's name of the module, `vision_model` in the hub's files
 * @returns the model
 */
export function visionTower(size: VisionSize, weights: WeightSource, root = 'vision_model'): OnnxModel {
  const g = new GraphBuilder(weights);
  const { hidden, image, patch } = size;
  const tokens = Math.floor(image / patch) ** 2;
  g.input('pixel_values', DataType.FLOAT, ['batch_size', 'num_channels', 'height', 'width']);

  const scope = `/${root}/embeddings`;
  const filter = `${scope}/patch_embedding`;
  const patches = g.node(
    filter,
    'Conv',
    [
      g.node(scope, 'Cast', ['pixel_values'], { to: 1n }),
      g.weight(parameter(filter, 'weight'), [hidden, 3, patch, patch], 'linear'),
      g.weight(parameter(filter, 'bias'), [hidden], 'bias'),
    ],
    {
      auto_pad: 'VALID',
      dilations: [1n, 1n],
      group: 1n,
      kernel_shape: [BigInt(patch), BigInt(patch)],
      strides: [BigInt(patch), BigInt(patch)],
    },
  );
  const shape = g.node(scope, 'Shape', [patches]);
  const outer = g.node(scope, 'Slice', [shape, g.ints(scope, [0]), g.ints(scope, [2]), g.ints(scope, [0])]);
  const rows = transpose(g, scope, reshape(g, scope, patches, [outer, g.ints(scope, [-1])]), [0, 2, 1]);
  const table = `${scope}/position_embedding`;
  const positions = g.node(table, 'Gather', [
    g.weight(parameter(table, 'weight'), [tokens, hidden], 'position'),
    g.ints(table, [...Array(tokens).keys()], [1, tokens]),
  ]);
  const embedded = g.node(scope, 'Add', [rows, positions]);

  const encoded = encoder(g, `/${root}/encoder`, embedded, size);
  const last = layerNorm(g, `/${root}/post_layernorm`, encoded, hidden, 'last_hidden_state');
  mapHead(g, `/${root}/head`, last, size, tokens, 'pooler_output');
  g.output('last_hidden_state', DataType.FLOAT, ['batch_size', 'sequence_length', hidden]);
  g.output('pooler_output', DataType.FLOAT, ['batch_size', hidden]);
  return g.model;
}

/**
 * `input_ids` -> `last_hidden_state`, `pooler_output`. The mask of zeros that newer versions of transformers add to the
 * scores is left out, as in the older exports that the hub holds.
 * @param size - of the tower
 * @param weights - its parameters
 * @param root - PyTorch's name of the module, `text_model` in the hub's files
 * @returns the model
 */
export function textTower(size: TextSize, weights: WeightSource, root = 'text_model'): OnnxModel {
  const g = new GraphBuilder(weights);
  const { hidden, vocabulary, positions } = size;
  const top = `/${root}`;
  g.input('input_ids', DataType.INT64, ['batch_size', 'sequence_length']);
  const length = dimension(g, top, 'input_ids', 1);
  const ids = reshape(g, top, 'input_ids', [g.ints(top, [-1]), asList(g, top, length)]);

  const scope = `${top}/embeddings`;
  const places = g.node(scope, 'Slice', [
    g.ints(scope, [...Array(positions).keys()], [1, positions]),
    g.ints(scope, [0]),
    g.node(scope, 'Unsqueeze', [dimension(g, scope, ids, 1), g.ints(scope, [0])]),
    g.ints(scope, [1]),
    g.ints(scope, [1]),
  ]);
  const look = (table: string, count: number, indices: string, role: 'embedding' | 'position') => {
    const weight = g.weight(parameter(`${scope}/${table}`, 'weight'), [count, hidden], role);
    return g.node(`${scope}/${table}`, 'Gather', [weight, indices]);
  };
  const embedded = g.node(scope, 'Add', [
    look('token_embedding', vocabulary, ids, 'embedding'),
    look('position_embedding', positions, places, 'position'),
  ]);

  const encoded = encoder(g, `${top}/encoder`, embedded, size);
  const last = layerNorm(g, `${top}/final_layer_norm`, encoded, hidden, 'last_hidden_state');
  const head = `${top}/head`;
  g.node(
    head,
    'Gemm',
    [
      g.node(top, 'Gather', [last, g.int(top, -1)], { axis: 1n }),
      g.weight(parameter(head, 'weight'), [hidden, hidden], 'linear'),
      g.weight(parameter(head, 'bias'), [hidden], 'bias'),
    ],
    { alpha: 1, beta: 1, transB: 1n },
    'pooler_output',
  );
  g.output('last_hidden_state', DataType.FLOAT, ['batch_size', 'sequence_length', hidden]);
  g.output('pooler_output', DataType.FLOAT, ['batch_size', hidden]);
  return g.model;
}
