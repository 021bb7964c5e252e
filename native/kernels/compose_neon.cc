// Compose with NEON: 16 pixels at a time.
#include "platform.h"

#if SEMANTIC_VISION_HAS_NEON

#include <arm_neon.h>

#include "compose.h"

namespace semantic_vision {
namespace {

constexpr size_t kPixels = 16;

// (t + ((t + 128) >> 8) + 128) >> 8: the same as with 128 added to t first.
inline uint8x8_t DivideBy255(uint16x8_t sum) { return vraddhn_u16(sum, vrshrq_n_u16(sum, 8)); }

inline uint8x16_t Mix(uint8x16_t samples, uint8x16_t alpha, uint8x16_t under) {
  const uint8x16_t rest = vmvnq_u8(alpha);  // 255 - alpha
  const uint16x8_t low = vmull_u8(vget_low_u8(samples), vget_low_u8(alpha));
  const uint16x8_t high = vmull_u8(vget_high_u8(samples), vget_high_u8(alpha));
  return vcombine_u8(DivideBy255(vmlal_u8(low, vget_low_u8(under), vget_low_u8(rest))),
                     DivideBy255(vmlal_u8(high, vget_high_u8(under), vget_high_u8(rest))));
}

}  // namespace

void ComposeNeon(const uint8_t* from, size_t count, Colour background, uint8_t* into) {
  const uint8x16_t red = vdupq_n_u8(background.red);
  const uint8x16_t green = vdupq_n_u8(background.green);
  const uint8x16_t blue = vdupq_n_u8(background.blue);
  size_t i = 0;
  for (; i + kPixels <= count; i += kPixels) {
    uint8x16x4_t pixels = vld4q_u8(from + 4 * i);
    const uint8x16_t alpha = pixels.val[3];
    pixels.val[0] = Mix(pixels.val[0], alpha, red);
    pixels.val[1] = Mix(pixels.val[1], alpha, green);
    pixels.val[2] = Mix(pixels.val[2], alpha, blue);
    vst4q_u8(into + 4 * i, pixels);
  }
  ComposeScalar(from + 4 * i, count - i, background, into + 4 * i);
}

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_HAS_NEON
