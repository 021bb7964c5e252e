// Resize, plain C++: the reference that the SIMD implementations must equal to the bit. A batch is one row.
#include <algorithm>

#include "resize.h"

namespace semantic_vision {
namespace {

uint8_t Round(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255)); }

size_t BatchBytes(size_t columns) { return columns * 3; }

size_t ScratchBytes(const Axis&) { return 0; }

void Horizontal(const PixelView& source, size_t batch, const Axis& axis, size_t begin, size_t end, uint8_t*,
                uint8_t* into) {
  const uint8_t* row = source.data + batch * source.row_stride;
  for (size_t i = begin; i < end; ++i) {
    const Window window = axis.windows.data()[i];
    const int32_t* weights = axis.weights.data() + i * axis.stride;
    for (size_t c = 0; c < 3; ++c) {
      int32_t sum = kHalf;
      for (size_t k = 0; k < window.length; ++k) sum += row[(window.first + k) * source.channels + c] * weights[k];
      *into++ = Round(sum);
    }
  }
}

void Vertical(const uint8_t* const* batches, const Axis& axis, size_t output, size_t columns, uint8_t* row) {
  const Window window = axis.windows.data()[output];
  const int32_t* weights = axis.weights.data() + output * axis.stride;
  for (size_t i = 0; i < columns * 3; ++i) {
    int32_t sum = kHalf;
    for (size_t k = 0; k < window.length; ++k) sum += batches[k][i] * weights[k];
    row[i] = Round(sum);
  }
}

}  // namespace

const ResizeKernel kResizeScalar = {1, 0, 0, BatchBytes, ScratchBytes, Horizontal, Vertical, ComposeScalar};

}  // namespace semantic_vision
