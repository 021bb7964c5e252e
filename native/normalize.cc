// Napi arguments <-> the normalise kernel.
#include "addon.h"
#include "arguments.h"

namespace semantic_vision {

// TypeScript: normalize(source: Uint8Array, offset: number, width: number, height: number, channels: number,
//                       rowStride: number, scale: Float32Array, bias: Float32Array, target: Float32Array,
//                       implementation?: string): void
// C++:        Napi::Value Normalize(const Napi::CallbackInfo&)
// Writes the first 3 * width * height floats of `target`. Throws a RangeError, and writes nothing, when an argument is
// not what it should be.
Napi::Value Normalize(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const Span<uint8_t> source = arguments.Bytes(0, "source");
  const PixelView pixels = arguments.Pixels(1, source);
  const float* scale = arguments.Coefficients(6, "scale", 3);
  const float* bias = arguments.Coefficients(7, "bias", 3);
  const Span<float> target = arguments.Floats(8, "target");
  const Implementation* implementation =
      arguments.ImplementationNamed(9, info.Env().GetInstanceData<AddonData>()->implementation);
  arguments.CheckTarget(target.data, target.length, sizeof(float), 3 * pixels.width * pixels.height, source);
  if (!arguments.ok()) return arguments.Throw();

  implementation->normalize(pixels, scale, bias, target.data);
  return info.Env().Undefined();
}

}  // namespace semantic_vision
