// Resize with NEON: 32-bit multiply-adds, which are exact and as wide as the widening 16-bit ones. A batch is one row.
#include "platform.h"

#if SEMANTIC_VISION_HAS_NEON

#include <arm_neon.h>

#include <algorithm>

#include "resize.h"

namespace semantic_vision {
namespace {

constexpr size_t kTaps = 8;

size_t BatchBytes(size_t columns) { return (columns * 3 + 15) / 16 * 16; }

size_t ScratchBytes(const Axis&) { return 0; }

inline uint8_t Round(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255)); }

inline int32x4_t MultiplyAdd(int32x4_t sum, uint8x8_t bytes, int32x4_t low, int32x4_t high) {
  const int16x8_t wide = vreinterpretq_s16_u16(vmovl_u8(bytes));
  sum = vmlaq_s32(sum, vmovl_s16(vget_low_s16(wide)), low);
  return vmlaq_s32(sum, vmovl_s16(vget_high_s16(wide)), high);
}

// Eight source columns at a time; weights are padded with zeros to a multiple of 8.
void Horizontal(const PixelView& source, size_t batch, const Axis& axis, size_t begin, size_t end, uint8_t*,
                uint8_t* into) {
  const uint8_t* row = source.data + batch * source.row_stride;
  for (size_t i = begin; i < end; ++i) {
    const Window window = axis.windows.data()[i];
    const int32_t* weights = axis.weights.data() + i * axis.stride;
    int32x4_t red = vdupq_n_s32(0), green = red, blue = red;
    size_t k = 0;
    // The zero weights may reach past the row's end, the reads must not.
    for (; k < window.length && window.first + k + kTaps <= source.width; k += kTaps) {
      const int32x4_t low = vld1q_s32(weights + k);
      const int32x4_t high = vld1q_s32(weights + k + 4);
      const uint8_t* from = row + (window.first + k) * source.channels;
      if (source.channels == 3) {
        const uint8x8x3_t pixels = vld3_u8(from);
        red = MultiplyAdd(red, pixels.val[0], low, high);
        green = MultiplyAdd(green, pixels.val[1], low, high);
        blue = MultiplyAdd(blue, pixels.val[2], low, high);
      } else {
        const uint8x8x4_t pixels = vld4_u8(from);
        red = MultiplyAdd(red, pixels.val[0], low, high);
        green = MultiplyAdd(green, pixels.val[1], low, high);
        blue = MultiplyAdd(blue, pixels.val[2], low, high);
      }
    }
    int32_t sums[3] = {vaddvq_s32(red) + kHalf, vaddvq_s32(green) + kHalf, vaddvq_s32(blue) + kHalf};
    for (; k < window.length; ++k) {
      for (size_t c = 0; c < 3; ++c) sums[c] += row[(window.first + k) * source.channels + c] * weights[k];
    }
    for (size_t c = 0; c < 3; ++c) *into++ = Round(sums[c]);
  }
}

// 16 values at a time; batches and `row` have room for whole registers.
void Vertical(const uint8_t* const* batches, const Axis& axis, size_t output, size_t columns, uint8_t* row) {
  const Window window = axis.windows.data()[output];
  const int32_t* weights = axis.weights.data() + output * axis.stride;
  for (size_t i = 0; i < columns * 3; i += 16) {
    int32x4_t sums[4];
    for (int32x4_t& sum : sums) sum = vdupq_n_s32(kHalf);
    for (size_t k = 0; k < window.length; ++k) {
      const uint8x16_t bytes = vld1q_u8(batches[k] + i);
      const int16x8_t low = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(bytes)));
      const int16x8_t high = vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(bytes)));
      sums[0] = vmlaq_n_s32(sums[0], vmovl_s16(vget_low_s16(low)), weights[k]);
      sums[1] = vmlaq_n_s32(sums[1], vmovl_s16(vget_high_s16(low)), weights[k]);
      sums[2] = vmlaq_n_s32(sums[2], vmovl_s16(vget_low_s16(high)), weights[k]);
      sums[3] = vmlaq_n_s32(sums[3], vmovl_s16(vget_high_s16(high)), weights[k]);
    }
    // Saturating narrowing is the clamp to 0..255: a shifted sum always fits 16 bits.
    int16x4_t words[4];
    for (int part = 0; part < 4; ++part) words[part] = vqmovn_s32(vshrq_n_s32(sums[part], kWeightBits));
    const uint8x8_t left = vqmovun_s16(vcombine_s16(words[0], words[1]));
    const uint8x8_t right = vqmovun_s16(vcombine_s16(words[2], words[3]));
    vst1q_u8(row + i, vcombine_u8(left, right));
  }
}

}  // namespace

const ResizeKernel kResizeNeon = {1, 0, 0, BatchBytes, ScratchBytes, Horizontal, Vertical, ComposeNeon};

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_HAS_NEON
