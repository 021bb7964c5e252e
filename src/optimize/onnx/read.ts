// From an ONNX file to a model in memory.
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { VisionError, messageOf } from '../../errors.js';
import { locateExternal } from './external.js';
import { OnnxModel, tensorsOf } from './model.js';
import { DataLocation, ModelProtoSchema, fromBinary } from './proto.js';

// Node reads at most 2 GiB - 1 at once.
const READ_BYTES = 1 << 28;

/**
 * Reads an ONNX file. Its bytes are held once: the tensors are views of them. Data outside of the file is not read,
 * but it is checked that it is there.
 * @param path - the file
 * @returns the model
 * @throws `MODEL_NOT_FOUND` when the file, or one with its data, is not there; `MODEL_INVALID` when it is no ONNX
 * model or damaged
 */
export async function readModel(path: string): Promise<OnnxModel> {
  let bytes: Uint8Array;
  try {
    bytes = await readInPieces(path);
  } catch (cause) {
    throw new VisionError('MODEL_NOT_FOUND', `The model file ${path} cannot be read: ${messageOf(cause)}.`, {
      cause,
    });
  }
  return parseModel(bytes, path);
}

/**
 * Reads a model from the bytes of a file.
 * @param bytes - of the file; the model keeps views of them
 * @param path - of the file, to find data outside of it and for messages
 * @returns the model
 * @throws as {@link readModel}
 */
export function parseModel(bytes: Uint8Array, path: string): OnnxModel {
  let model: OnnxModel;
  try {
    model = new OnnxModel(fromBinary(ModelProtoSchema, bytes), dirname(path));
  } catch (cause) {
    throw new VisionError('MODEL_INVALID', `${path} is no ONNX model, or damaged: ${messageOf(cause)}.`, {
      cause,
    });
  }
  const { proto } = model;
  if (!proto.graph || proto.graph.node.length === 0 || proto.opsetImport.length === 0) {
    throw new VisionError(
      'MODEL_INVALID',
      `Expected an ONNX model with a graph, nodes and operator sets in ${path} but found ` +
        `${proto.graph?.node.length ?? 'no graph,'} nodes and ${proto.opsetImport.length} operator sets.`,
    );
  }
  for (const tensor of tensorsOf(proto.graph)) {
    if (tensor.dataLocation !== DataLocation.EXTERNAL) continue;
    try {
      locateExternal(model.folder, tensor);
    } catch (cause) {
      if (!(cause instanceof VisionError)) throw cause;
      throw new VisionError(cause.code, `${path}: ${cause.message}`, { cause });
    }
  }
  return model;
}

async function readInPieces(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const bytes = new Uint8Array((await file.stat()).size);
    let done = 0;
    while (done < bytes.length) {
      const { bytesRead } = await file.read(bytes, done, Math.min(bytes.length - done, READ_BYTES), done);
      if (bytesRead === 0) return bytes.subarray(0, done);
      done += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}
