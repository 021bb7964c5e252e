// Normalise with AVX2: 8 pixels at a time.
#include "platform.h"

#if SEMANTIC_VISION_HAS_AVX2

#include <immintrin.h>

#include "normalize.h"

namespace semantic_vision {
namespace {

constexpr size_t kPixels = 8;

// Multiply, then add: no FMA, which would skip the rounding in between.
SEMANTIC_VISION_TARGET_AVX2 inline void Store(__m256i values, __m256 scale, __m256 bias, float* target) {
  const __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(values), scale);
  _mm256_storeu_ps(target, _mm256_add_ps(product, bias));
}

struct Planes {
  float* at[3];
  __m256 scale[3];
  __m256 bias[3];
};

// Reads exactly the 24 bytes of 8 RGB pixels: two 16-byte loads that overlap by 8.
SEMANTIC_VISION_TARGET_AVX2 inline void EightRgb(const uint8_t* from, const Planes& planes, size_t offset) {
  constexpr char o = -128;  // pshufb writes zero
  const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 8));
  const __m128i red = _mm_or_si128(
      _mm_shuffle_epi8(low, _mm_setr_epi8(0, 3, 6, 9, 12, 15, o, o, o, o, o, o, o, o, o, o)),
      _mm_shuffle_epi8(high, _mm_setr_epi8(o, o, o, o, o, o, 10, 13, o, o, o, o, o, o, o, o)));
  const __m128i green = _mm_or_si128(
      _mm_shuffle_epi8(low, _mm_setr_epi8(1, 4, 7, 10, 13, o, o, o, o, o, o, o, o, o, o, o)),
      _mm_shuffle_epi8(high, _mm_setr_epi8(o, o, o, o, o, 8, 11, 14, o, o, o, o, o, o, o, o)));
  const __m128i blue = _mm_or_si128(
      _mm_shuffle_epi8(low, _mm_setr_epi8(2, 5, 8, 11, 14, o, o, o, o, o, o, o, o, o, o, o)),
      _mm_shuffle_epi8(high, _mm_setr_epi8(o, o, o, o, o, 9, 12, 15, o, o, o, o, o, o, o, o)));
  Store(_mm256_cvtepu8_epi32(red), planes.scale[0], planes.bias[0], planes.at[0] + offset);
  Store(_mm256_cvtepu8_epi32(green), planes.scale[1], planes.bias[1], planes.at[1] + offset);
  Store(_mm256_cvtepu8_epi32(blue), planes.scale[2], planes.bias[2], planes.at[2] + offset);
}

SEMANTIC_VISION_TARGET_AVX2 inline void EightRgba(const uint8_t* from, const Planes& planes, size_t offset) {
  const __m256i pixels = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  const __m256i byte = _mm256_set1_epi32(0xff);
  const __m256i red = _mm256_and_si256(pixels, byte);
  const __m256i green = _mm256_and_si256(_mm256_srli_epi32(pixels, 8), byte);
  const __m256i blue = _mm256_and_si256(_mm256_srli_epi32(pixels, 16), byte);
  Store(red, planes.scale[0], planes.bias[0], planes.at[0] + offset);
  Store(green, planes.scale[1], planes.bias[1], planes.at[1] + offset);
  Store(blue, planes.scale[2], planes.bias[2], planes.at[2] + offset);
}

}  // namespace

SEMANTIC_VISION_TARGET_AVX2 void NormalizeAvx2(const PixelView& source, const float* scale, const float* bias,
                                               float* target) {
  if (source.width < kPixels) return NormalizeScalar(source, scale, bias, target);

  const size_t plane = source.width * source.height;
  Planes planes;
  for (size_t c = 0; c < 3; ++c) {
    planes.at[c] = target + c * plane;
    planes.scale[c] = _mm256_set1_ps(scale[c]);
    planes.bias[c] = _mm256_set1_ps(bias[c]);
  }
  for (size_t y = 0; y < source.height; ++y) {
    const uint8_t* row = source.data + y * source.row_stride;
    for (size_t x = 0; x < source.width; x += kPixels) {
      // The last block steps back over pixels already done instead of leaving a scalar tail.
      if (x + kPixels > source.width) x = source.width - kPixels;
      const uint8_t* from = row + x * source.channels;
      const size_t offset = y * source.width + x;
      if (source.channels == 3) {
        EightRgb(from, planes, offset);
      } else {
        EightRgba(from, planes, offset);
      }
    }
  }
}

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_HAS_AVX2
