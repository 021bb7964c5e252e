// What the two AVX2 passes of a resize share: how a batch of 8 rows is laid out.
//
// A batch is 4 row pairs; a pair holds, for each value (R, G, B of column 0, of column 1, ...), the byte of the upper row
// and the byte of the lower row side by side, which is what a 16-bit multiply-add over two rows reads.
#ifndef SEMANTIC_VISION_KERNELS_RESIZE_AVX2_H_
#define SEMANTIC_VISION_KERNELS_RESIZE_AVX2_H_

#include <cstddef>
#include <cstdint>

#include "axis.h"
#include "pixel_view.h"

namespace semantic_vision {
namespace avx2 {

constexpr size_t kBatchRows = 8;
constexpr size_t kPacking = 2;  // a multiply-add takes two columns, or two rows, at once

// 6 bytes a column, 2 that the last 8-byte store spills over, and whole 64-byte reads.
inline size_t PairBytes(size_t columns) { return (columns * 6 + 2 + 63) / 64 * 64; }

// Output columns of which the high halves of the weights did not settle every byte; see PackedWindow. They are rare and
// unpredictable: dealing with each at once would cost a mispredicted branch in the midst of the sums.
constexpr size_t kUnsettled = 64;
struct Unsettled {
  size_t count = 0;
  size_t output[kUnsettled];
  uint32_t bytes[kUnsettled];  // bit 8 * p + 2 * c + l: upper (l = 0) or lower (l = 1) row of pair p, channel c
};

// Computes those bytes with the whole weights and puts them into the batch.
void SettleColumns(const Unsettled& unsettled, const PixelView& source, size_t batch, const Axis& axis, size_t begin,
                   size_t pair_bytes, uint8_t* into);

// One byte of the horizontal pass with the whole weights: `channel` of `row` of the source in column `output`.
uint8_t Exact(const PixelView& source, size_t row, size_t channel, const Axis& axis, size_t output);

size_t ScratchBytes(const Axis& axis);
void Horizontal(const PixelView& source, size_t batch, const Axis& axis, size_t begin, size_t end, uint8_t* scratch,
                uint8_t* into);
void Vertical(const uint8_t* const* batches, const Axis& axis, size_t output, size_t columns, uint8_t* row);

}  // namespace avx2
}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_KERNELS_RESIZE_AVX2_H_
