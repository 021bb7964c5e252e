// What the two AVX-512 passes of a resize share: how a batch of 16 rows is laid out.
//
// A batch is 4 row quads; a quad holds, for each value (R, G, B of column 0, of column 1, ...), the bytes of its four rows
// side by side, which is what VNNI's multiply-add of four bytes reads: no byte is ever widened. It wants signed 8-bit
// weights, so each 16-bit weight goes in as two bytes with a sum of its own; see PackedWeights::quads.
#ifndef SEMANTIC_VISION_KERNELS_RESIZE_AVX512_H_
#define SEMANTIC_VISION_KERNELS_RESIZE_AVX512_H_

#include <cstddef>
#include <cstdint>

#include "axis.h"
#include "pixel_view.h"

namespace semantic_vision {
namespace avx512 {

constexpr size_t kBatchRows = 16;
constexpr size_t kQuadRows = 4;
constexpr size_t kQuads = kBatchRows / kQuadRows;

// 12 bytes a column, 4 that the last 16-byte store spills over, and whole reads of 64 values.
inline size_t QuadBytes(size_t columns) { return (columns * 12 + 4 + 255) / 256 * 256; }

size_t ScratchBytes(const Axis& axis);
void Horizontal(const PixelView& source, size_t batch, const Axis& axis, size_t begin, size_t end, uint8_t* scratch,
                uint8_t* into);
void Vertical(const uint8_t* const* batches, const Axis& axis, size_t output, size_t columns, uint8_t* row);

}  // namespace avx512
}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_KERNELS_RESIZE_AVX512_H_
