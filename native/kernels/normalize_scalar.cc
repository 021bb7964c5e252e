// Normalise, plain C++: the reference that the SIMD implementations must equal to the bit.
#include "normalize.h"

namespace semantic_vision {

void NormalizeScalar(const PixelView& source, const float* scale, const float* bias, float* target) {
  const size_t plane = source.width * source.height;
  for (size_t y = 0; y < source.height; ++y) {
    const uint8_t* row = source.data + y * source.row_stride;
    for (size_t x = 0; x < source.width; ++x) {
      for (size_t c = 0; c < 3; ++c) {
        const float product = static_cast<float>(row[x * source.channels + c]) * scale[c];
        target[c * plane + y * source.width + x] = product + bias[c];
      }
    }
  }
}

}  // namespace semantic_vision
