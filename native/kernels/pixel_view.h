// The one description of interleaved 8-bit pixels that every kernel reads.
#ifndef SEMANTIC_VISION_KERNELS_PIXEL_VIEW_H_
#define SEMANTIC_VISION_KERNELS_PIXEL_VIEW_H_

#include <cstddef>
#include <cstdint>

namespace semantic_vision {

// A borrowed image: the caller vouches that (height - 1) * row_stride + width * channels bytes from `data` are readable.
struct PixelView {
  const uint8_t* data;
  size_t width;       // pixels, at least 1
  size_t height;      // rows, at least 1
  size_t channels;    // 3 = RGB, 4 = RGBA (the fourth byte is not looked at)
  size_t row_stride;  // bytes from one row to the next, at least width * channels
};

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_KERNELS_PIXEL_VIEW_H_
