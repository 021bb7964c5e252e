// Compose with AVX2: 8 pixels at a time.
#include "platform.h"

#if SEMANTIC_VISION_HAS_AVX2

#include <immintrin.h>

#include "compose.h"

namespace semantic_vision {
namespace {

constexpr size_t kPixels = 8;

// One background value a 16-bit lane, and what a sample of alpha 0 starts from.
struct Under {
  __m256i value;
  __m256i base;  // value * 255 + 128
};

SEMANTIC_VISION_TARGET_AVX2 inline Under UnderOf(__m256i value) {
  const __m256i product = _mm256_mullo_epi16(value, _mm256_set1_epi16(255));
  return {value, _mm256_add_epi16(product, _mm256_set1_epi16(128))};
}

// s * a + b * (255 - a) is (s - b) * a + b * 255. Modulo 2^16 that is the sum itself, which never exceeds 16 bits. The
// result is in the high byte of each lane.
SEMANTIC_VISION_TARGET_AVX2 inline __m256i Mix(__m256i samples, __m256i alpha, const Under& under) {
  const __m256i product = _mm256_mullo_epi16(_mm256_sub_epi16(samples, under.value), alpha);
  const __m256i sum = _mm256_add_epi16(product, under.base);
  return _mm256_add_epi16(sum, _mm256_srli_epi16(sum, 8));
}

}  // namespace

SEMANTIC_VISION_TARGET_AVX2 void ComposeAvx2(const uint8_t* from, size_t count, Colour background, uint8_t* into) {
  constexpr char o = -128;  // pshufb writes zero
  const __m256i alphas =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(3, o, 3, o, 7, o, 7, o, 11, o, 11, o, 15, o, 15, o));
  const __m256i low_bytes = _mm256_set1_epi16(0xff);
  const Under red_blue = UnderOf(_mm256_set1_epi32(background.red | background.blue << 16));
  const Under green = UnderOf(_mm256_set1_epi32(background.green));
  size_t i = 0;
  for (; i + kPixels <= count; i += kPixels) {
    const __m256i pixels = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 4 * i));
    const __m256i alpha = _mm256_shuffle_epi8(pixels, alphas);
    const __m256i even = Mix(_mm256_and_si256(pixels, low_bytes), alpha, red_blue);
    const __m256i odd = Mix(_mm256_srli_epi16(pixels, 8), alpha, green);
    const __m256i mixed = _mm256_or_si256(_mm256_srli_epi16(even, 8), _mm256_andnot_si256(low_bytes, odd));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(into + 4 * i), mixed);
  }
  ComposeScalar(from + 4 * i, count - i, background, into + 4 * i);
}

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_HAS_AVX2
