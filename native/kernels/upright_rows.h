// Rows of an image as it should be seen, RGB, from pixels as a decoder left them: any channel count, depth, orientation.
#ifndef SEMANTIC_VISION_KERNELS_UPRIGHT_ROWS_H_
#define SEMANTIC_VISION_KERNELS_UPRIGHT_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "compose.h"

namespace semantic_vision {

struct StoredImage {
  const uint8_t* data;
  size_t width;  // as stored, before orientation
  size_t height;
  size_t row_stride;        // bytes
  size_t channels;          // 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA
  size_t bytes_per_sample;  // 2: the machine's byte order, of which the high byte is taken
  int orientation;          // EXIF, 1 to 8; 5 to 8 swap width and height
  std::optional<Colour> background = {};  // what shows through alpha; without it alpha is dropped

  bool transposed() const { return orientation >= 5; }
  size_t upright_width() const { return transposed() ? height : width; }
  size_t upright_height() const { return transposed() ? width : height; }
  bool is_composed() const { return background.has_value() && channels % 2 == 0; }
  // What ReadUprightRows() writes: RGB, and alpha where it is needed.
  size_t upright_channels() const { return is_composed() ? 4 : 3; }
  // Whether its rows already are what ReadUprightRows() would write, but for a fourth channel.
  bool is_plain() const { return orientation == 1 && channels >= 3 && bytes_per_sample == 1; }
};

// Writes the upright rows [first, first + count), upright_channels() * upright_width() bytes each, one after the other.
void ReadUprightRows(const StoredImage& image, size_t first, size_t count, uint8_t* into);

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_KERNELS_UPRIGHT_ROWS_H_
