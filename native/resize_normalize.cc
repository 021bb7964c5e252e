// Napi arguments <-> the resize kernel.
#include "addon.h"
#include "arguments.h"

namespace semantic_vision {
namespace {

// What both functions take before their target; `arguments` holds the first thing that is wrong.
struct ResizeArguments {
  Span<uint8_t> source;
  StoredImage pixels;
  ResizeRequest request;
};

// Sixteen arguments: the source, its layout (8), the resized size (2), the filter, the crop (4).
ResizeArguments Read(Arguments& arguments) {
  ResizeArguments read = {};
  read.source = arguments.Bytes(0, "source");
  read.pixels = arguments.Stored(1, read.source);
  ResizeRequest& request = read.request;
  request.width = arguments.Integer(9, "resized width", 1, kMaxResizeSide);
  request.height = arguments.Integer(10, "resized height", 1, kMaxResizeSide);
  request.filter = static_cast<Filter>(arguments.Integer(11, "filter", 0, 5));
  if (!arguments.ok()) return read;
  request.left = arguments.Integer(12, "crop left", 0, request.width - 1);
  request.top = arguments.Integer(13, "crop top", 0, request.height - 1);
  if (!arguments.ok()) return read;
  request.crop_width = arguments.Integer(14, "crop width", 1, request.width - request.left);
  request.crop_height = arguments.Integer(15, "crop height", 1, request.height - request.top);
  if (read.pixels.width > kMaxResizeSide || read.pixels.height > kMaxResizeSide) {
    arguments.Fail("Expected sides of at most " + std::to_string(kMaxResizeSide) + " pixels for source but received " +
                   std::to_string(read.pixels.width) + " x " + std::to_string(read.pixels.height) + ".");
  }
  return read;
}

Napi::Value Run(const Napi::CallbackInfo& info, const Arguments& arguments, const ResizeArguments& read,
                const Implementation* implementation, const ResizeTarget& target) {
  if (!arguments.ok()) return arguments.Throw();
  ResizeContext& context = info.Env().GetInstanceData<AddonData>()->resize;
  if (!Resize(*implementation->resize, read.pixels, read.request, target, context)) {
    Napi::Error error = Napi::Error::New(info.Env(), "Not enough memory for resizing " +
                                                         std::to_string(read.pixels.width) + " x " +
                                                         std::to_string(read.pixels.height) + " pixels.");
    error.Set("code", Napi::String::New(info.Env(), "OUT_OF_MEMORY"));
    error.ThrowAsJavaScriptException();
  }
  return info.Env().Undefined();
}

size_t Needed(const ResizeRequest& request) { return 3 * request.crop_width * request.crop_height; }

}  // namespace

// TypeScript: resize(source: Uint8Array, offset: number, width: number, height: number, channels: number,
//                    rowStride: number, bytesPerSample: number, orientation: number, background: number | undefined,
//                    resizedWidth: number, resizedHeight: number, filter: number, left: number, top: number,
//                    cropWidth: number, cropHeight: number, target: Uint8Array, implementation?: string): void
// C++:        Napi::Value ResizeBytes(const Napi::CallbackInfo&)
// Writes the first 3 * cropWidth * cropHeight bytes of `target`, interleaved RGB. A source with alpha is composed over the
// background, 0xRRGGBB, before it is resized; without a background its alpha is dropped. Throws a RangeError, and writes
// nothing, when an argument is not what it should be.
Napi::Value ResizeBytes(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const ResizeArguments read = Read(arguments);
  const Span<uint8_t> target = arguments.Bytes(16, "target");
  const Implementation* implementation =
      arguments.ImplementationNamed(17, info.Env().GetInstanceData<AddonData>()->implementation);
  arguments.CheckTarget(target.data, target.length, sizeof(uint8_t), Needed(read.request), read.source);
  return Run(info, arguments, read, implementation, {target.data, nullptr, nullptr});
}

// TypeScript: resizeNormalize(the first sixteen of resize(), table: Float32Array, target: Float32Array,
//                             implementation?: string): void
// C++:        Napi::Value ResizeNormalize(const Napi::CallbackInfo&)
// Writes the first 3 * cropWidth * cropHeight floats of `target`: planes of table[256 * channel + byte].
Napi::Value ResizeNormalize(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const ResizeArguments read = Read(arguments);
  const float* table = arguments.Coefficients(16, "table", 3 * 256);
  const Span<float> target = arguments.Floats(17, "target");
  const Implementation* implementation =
      arguments.ImplementationNamed(18, info.Env().GetInstanceData<AddonData>()->implementation);
  arguments.CheckTarget(target.data, target.length, sizeof(float), Needed(read.request), read.source);
  if (arguments.ok() && Overlap(table, 3 * 256 * sizeof(float), target.data, target.length * sizeof(float))) {
    arguments.Fail("Expected table and target to be separate memory but they overlap.");
  }
  return Run(info, arguments, read, implementation, {nullptr, target.data, table});
}

}  // namespace semantic_vision
