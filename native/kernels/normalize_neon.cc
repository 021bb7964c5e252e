// Normalise with NEON: 8 pixels at a time.
#include "platform.h"

#if SEMANTIC_VISION_HAS_NEON

#include <arm_neon.h>

#include "normalize.h"

namespace semantic_vision {
namespace {

constexpr size_t kPixels = 8;

// Multiply, then add: no fused multiply-add, which would skip the rounding in between (-ffp-contract=off keeps the
// compiler from fusing the two on its own).
inline void Store(uint8x8_t bytes, float32x4_t scale, float32x4_t bias, float* target) {
  const uint16x8_t wide = vmovl_u8(bytes);
  const float32x4_t low = vcvtq_f32_u32(vmovl_u16(vget_low_u16(wide)));
  const float32x4_t high = vcvtq_f32_u32(vmovl_u16(vget_high_u16(wide)));
  vst1q_f32(target, vaddq_f32(vmulq_f32(low, scale), bias));
  vst1q_f32(target + 4, vaddq_f32(vmulq_f32(high, scale), bias));
}

}  // namespace

void NormalizeNeon(const PixelView& source, const float* scale, const float* bias, float* target) {
  if (source.width < kPixels) return NormalizeScalar(source, scale, bias, target);

  const size_t plane = source.width * source.height;
  const float32x4_t scales[3] = {vdupq_n_f32(scale[0]), vdupq_n_f32(scale[1]), vdupq_n_f32(scale[2])};
  const float32x4_t biases[3] = {vdupq_n_f32(bias[0]), vdupq_n_f32(bias[1]), vdupq_n_f32(bias[2])};
  for (size_t y = 0; y < source.height; ++y) {
    const uint8_t* row = source.data + y * source.row_stride;
    for (size_t x = 0; x < source.width; x += kPixels) {
      // The last block steps back over pixels already done instead of leaving a scalar tail.
      if (x + kPixels > source.width) x = source.width - kPixels;
      const uint8_t* from = row + x * source.channels;
      float* to = target + y * source.width + x;
      if (source.channels == 3) {
        const uint8x8x3_t pixels = vld3_u8(from);
        for (int c = 0; c < 3; ++c) Store(pixels.val[c], scales[c], biases[c], to + c * plane);
      } else {
        const uint8x8x4_t pixels = vld4_u8(from);
        for (int c = 0; c < 3; ++c) Store(pixels.val[c], scales[c], biases[c], to + c * plane);
      }
    }
  }
}

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_HAS_NEON
