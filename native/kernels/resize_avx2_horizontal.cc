// Horizontal pass of a resize with AVX2: 8 rows at once, so that no sum has to be collected across a register.
//
// The source is first rearranged: for every two columns, three registers R, G and B of 8 rows x 2 columns of 16-bit
// values, so that a multiply-add with a pair of weights leaves the 8 rows' sums in the 8 lanes.
#include "platform.h"

#if SEMANTIC_VISION_HAS_AVX2

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "resize_avx2.h"

namespace semantic_vision {
namespace avx2 {
namespace {

constexpr size_t kBlockColumns = 4;  // what is rearranged in one go
constexpr size_t kPairValues = 48;   // 2 columns x 8 rows x 3 channels
constexpr size_t kBlockValues = 2 * kPairValues;
constexpr size_t kChunkPairs = 4;  // how many pairs are summed up between two rearranged blocks
// What fits the L1 cache beside the weights; more only when a single output reads more.
constexpr size_t kLoadedBlocks = 96;

// The rows of a batch in the source, and how to take RGB out of them.
struct Rows {
  const uint8_t* first;
  size_t stride;
  size_t count;        // 8, or fewer at the bottom of the image
  size_t bytes;        // of each
  size_t block_bytes;  // of 4 columns
  __m256i order;       // 4 pixels to R0 R2 R1 R3 G0 G2 G1 G3 B0 B2 B1 B3
};

struct Sums {
  __m256i red, green, blue;  // lane r is row r
};

SEMANTIC_VISION_TARGET_AVX2 inline __m256i TwoRows(const uint8_t* upper, const uint8_t* lower, __m256i order) {
  const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(upper));
  const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(lower));
  return _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1), order);
}

// Reads 16 bytes of each of 8 rows.
SEMANTIC_VISION_TARGET_AVX2 inline void Rearrange(const uint8_t* from, size_t stride, __m256i order, int16_t* into) {
  const uint8_t* lower = from + 4 * stride;
  const __m256i row0 = TwoRows(from, lower, order);
  const __m256i row1 = TwoRows(from + stride, lower + stride, order);
  const __m256i row2 = TwoRows(from + 2 * stride, lower + 2 * stride, order);
  const __m256i row3 = TwoRows(from + 3 * stride, lower + 3 * stride, order);
  const __m256i low01 = _mm256_unpacklo_epi32(row0, row1);
  const __m256i low23 = _mm256_unpacklo_epi32(row2, row3);
  const __m256i high01 = _mm256_unpackhi_epi32(row0, row1);
  const __m256i high23 = _mm256_unpackhi_epi32(row2, row3);
  const __m256i channels[3] = {_mm256_unpacklo_epi64(low01, low23), _mm256_unpackhi_epi64(low01, low23),
                               _mm256_unpacklo_epi64(high01, high23)};
  __m256i* to = reinterpret_cast<__m256i*>(into);
  for (int c = 0; c < 3; ++c) {
    _mm256_store_si256(to + c, _mm256_and_si256(channels[c], _mm256_set1_epi16(0xff)));  // columns 0 and 1
    _mm256_store_si256(to + 3 + c, _mm256_srli_epi16(channels[c], 8));                   // columns 2 and 3
  }
}

// Rearranges one block of 4 columns where 16 bytes are not there to be read: at the end of a row, or at the bottom of
// the image, where rows are missing. The zeros put there meet weights that are zero too.
SEMANTIC_VISION_TARGET_AVX2 SEMANTIC_VISION_NOINLINE void RearrangeEdge(const Rows& rows, size_t block, int16_t* into) {
  uint8_t copies[kBatchRows][16] = {};
  const size_t offset = block * rows.block_bytes;
  for (size_t r = 0; r < rows.count && offset < rows.bytes; ++r) {
    std::memcpy(copies[r], rows.first + r * rows.stride + offset, std::min<size_t>(16, rows.bytes - offset));
  }
  Rearrange(copies[0], 16, rows.order, into);
}

SEMANTIC_VISION_TARGET_AVX2 inline __m256i Multiply(const int16_t* values, __m256i weights) {
  return _mm256_madd_epi16(_mm256_load_si256(reinterpret_cast<const __m256i*>(values)), weights);
}

SEMANTIC_VISION_TARGET_AVX2 inline __m256i TwoWeights(const int16_t* weights) {
  int32_t two;
  std::memcpy(&two, weights, sizeof(two));
  return _mm256_set1_epi32(two);
}

// Adds pixel x weight over `pairs` pairs of columns.
SEMANTIC_VISION_TARGET_AVX2 inline Sums Accumulate(const Sums& sums, const int16_t* values, const int16_t* weights,
                                                   size_t pairs) {
  __m256i red = sums.red, green = sums.green, blue = sums.blue;
  const int16_t* end = weights + 2 * pairs;
  if (pairs % 2 != 0) {
    const __m256i weight = TwoWeights(weights);
    red = _mm256_add_epi32(red, Multiply(values, weight));
    green = _mm256_add_epi32(green, Multiply(values + 16, weight));
    blue = _mm256_add_epi32(blue, Multiply(values + 32, weight));
    values += kPairValues;
    weights += 2;
  }
  for (; weights != end; weights += 4, values += 2 * kPairValues) {
    const __m256i first = TwoWeights(weights);
    const __m256i second = TwoWeights(weights + 2);
    red = _mm256_add_epi32(red, _mm256_add_epi32(Multiply(values, first), Multiply(values + 48, second)));
    green = _mm256_add_epi32(green, _mm256_add_epi32(Multiply(values + 16, first), Multiply(values + 64, second)));
    blue = _mm256_add_epi32(blue, _mm256_add_epi32(Multiply(values + 32, first), Multiply(values + 80, second)));
  }
  return {red, green, blue};
}

// The sums plus `more`, rounded: row pairs of R0 R1 G0 G1 B0 B1 and two idle bytes, as Store() wants them.
SEMANTIC_VISION_TARGET_AVX2 inline __m256i Round(const Sums& sums, __m256i more, __m128i bits) {
  constexpr char o = -128;
  const __m256i order = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 5, 8, 9, o, o, 2, 3, 6, 7, 10, 11, o, o));
  const __m256i red = _mm256_sra_epi32(_mm256_add_epi32(sums.red, more), bits);
  const __m256i green = _mm256_sra_epi32(_mm256_add_epi32(sums.green, more), bits);
  const __m256i blue = _mm256_sra_epi32(_mm256_add_epi32(sums.blue, more), bits);
  const __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32(red, green), _mm256_packs_epi32(blue, blue));
  return _mm256_shuffle_epi8(bytes, order);
}

// One output column of the four row pairs; each store spills its 2 idle bytes into the next column.
SEMANTIC_VISION_TARGET_AVX2 inline void Store(__m256i pairs, size_t pair_bytes, uint8_t* into) {
  const __m128i low = _mm256_castsi256_si128(pairs);
  const __m128i high = _mm256_extracti128_si256(pairs, 1);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(into), low);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(into + pair_bytes), _mm_unpackhi_epi64(low, low));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(into + 2 * pair_bytes), high);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(into + 3 * pair_bytes), _mm_unpackhi_epi64(high, high));
}

size_t Capacity(const Axis& axis) { return std::max(kLoadedBlocks, axis.packed.stride / 2 + 8); }

size_t EndBlock(const PackedWindow& window) {
  return (window.first + window.length + kBlockColumns - 1) / kBlockColumns;
}

}  // namespace

size_t ScratchBytes(const Axis& axis) { return Capacity(axis) * kBlockValues * sizeof(int16_t); }

SEMANTIC_VISION_TARGET_AVX2 void Horizontal(const PixelView& source, size_t batch, const Axis& axis, size_t begin,
                                            size_t end, uint8_t* scratch, uint8_t* into) {
  constexpr char o = -128;
  const __m128i rgb = _mm_setr_epi8(0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11, o, o, o, o);
  const __m128i rgba = _mm_setr_epi8(0, 8, 4, 12, 1, 9, 5, 13, 2, 10, 6, 14, o, o, o, o);
  Rows rows;
  rows.first = source.data + batch * kBatchRows * source.row_stride;
  rows.stride = source.row_stride;
  rows.count = std::min(kBatchRows, source.height - batch * kBatchRows);
  rows.bytes = source.width * source.channels;
  rows.block_bytes = kBlockColumns * source.channels;
  rows.order = _mm256_broadcastsi128_si256(source.channels == 3 ? rgb : rgba);

  const PackedWeights& packed = axis.packed;
  const PackedWindow* windows = packed.windows.data();
  const __m128i bits = _mm_cvtsi32_si128(kWeightBits - packed.shift);
  Unsettled unsettled;
  const size_t pair_bytes = PairBytes(end - begin);
  const size_t capacity = Capacity(axis);

  // Blocks before this one can be read whole.
  const size_t inner_blocks =
      rows.count == kBatchRows && rows.bytes >= 16 ? (rows.bytes - 16) / rows.block_bytes + 1 : 0;
  int16_t* loaded = reinterpret_cast<int16_t*>(scratch);
  size_t loaded_begin = windows[begin].first / kBlockColumns;
  size_t loaded_end = loaded_begin;
  for (size_t i = begin; i < end; ++i) {
    const PackedWindow window = windows[i];
    if (i == begin) {
      for (; loaded_end < EndBlock(window); ++loaded_end) {
        RearrangeEdge(rows, loaded_end, loaded + (loaded_end - loaded_begin) * kBlockValues);
      }
    }
    const size_t next_end = i + 1 < end ? EndBlock(windows[i + 1]) : loaded_end;
    if (next_end - loaded_begin > capacity) {
      const size_t first = window.first / kBlockColumns;
      std::memmove(loaded, loaded + (first - loaded_begin) * kBlockValues,
                   (loaded_end - first) * kBlockValues * sizeof(int16_t));
      loaded_begin = first;
    }
    const int16_t* values = loaded + (window.first / 2 - loaded_begin * 2) * kPairValues;
    const int16_t* weights = packed.high.data() + i * packed.stride;
    size_t pairs = window.length / 2;

    // What the next output needs is rearranged in between: the sums keep the multiplier busy and nothing else, the
    // rearranging everything but the multiplier.
    const __m256i start = _mm256_set1_epi32(window.lowest);
    Sums sums = {start, start, start};
    int16_t* into_loaded = loaded + (loaded_end - loaded_begin) * kBlockValues;
    const uint8_t* from = rows.first + loaded_end * rows.block_bytes;
    for (; loaded_end < next_end; ++loaded_end, into_loaded += kBlockValues, from += rows.block_bytes) {
      if (loaded_end < inner_blocks) {
        Rearrange(from, rows.stride, rows.order, into_loaded);
      } else {
        RearrangeEdge(rows, loaded_end, into_loaded);
      }
      if (pairs >= kChunkPairs) {
        sums = Accumulate(sums, values, weights, kChunkPairs);
        values += kChunkPairs * kPairValues;
        weights += kChunkPairs * 2;
        pairs -= kChunkPairs;
      }
    }
    sums = Accumulate(sums, values, weights, pairs);

    const __m256i least = Round(sums, _mm256_setzero_si256(), bits);
    const __m256i most = Round(sums, _mm256_set1_epi32(window.spread), bits);
    Store(least, pair_bytes, into + (i - begin) * 6);
    const uint32_t differ = ~static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(least, most)));
    unsettled.output[unsettled.count] = i;
    unsettled.bytes[unsettled.count] = differ;
    unsettled.count += differ != 0;
    if (unsettled.count == kUnsettled) {
      SettleColumns(unsettled, source, batch, axis, begin, pair_bytes, into);
      unsettled.count = 0;
    }
  }
  SettleColumns(unsettled, source, batch, axis, begin, pair_bytes, into);
}

}  // namespace avx2
}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_HAS_AVX2
