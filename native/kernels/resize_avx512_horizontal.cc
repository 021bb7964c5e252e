// Horizontal pass of a resize with AVX-512: 16 rows at once, so that no sum has to be collected across a register.
//
// The source is first rearranged: for every four columns, three registers R, G and B of 16 rows x 4 columns of bytes, so
// that a multiply-add with four weights leaves the 16 rows' sums in the 16 lanes.
#include "platform.h"

#if SEMANTIC_VISION_HAS_AVX512

#if defined(__GNUC__) && !defined(__clang__)
// GCC 12's AVX-512 intrinsics start from a register that they leave uninitialised on purpose, and it warns of that.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "lowest_bit.h"
#include "resize_avx2.h"
#include "resize_avx512.h"

namespace semantic_vision {
namespace avx512 {
namespace {

constexpr size_t kBlockColumns = 4;  // what a multiply-add takes
constexpr size_t kBlocksAtOnce = 4;
constexpr size_t kBlockBytes = 192;  // 4 columns x 16 rows x 3 channels
// What fits the L1 cache beside the weights; more only when a single output reads more.
constexpr size_t kLoadedBlocks = 96;

// The rows of a batch in the source, and how to take RGB out of them.
struct Rows {
  const uint8_t* first;
  size_t stride;
  size_t count;        // 16, or fewer at the bottom of the image
  size_t bytes;        // of each
  size_t block_bytes;  // of 4 columns
  size_t readable;     // bytes from `first` to the end of the source
  __m512i order;       // 4 pixels to R0 R1 R2 R3 G0 G1 G2 G3 B0 B1 B2 B3
};

// Of weight x pixel, for the high and for the low byte of the weights; lane r is row r.
struct Sums {
  __m512i high[3];
  __m512i low[3];
};

SEMANTIC_VISION_TARGET_AVX512 inline __m256i TwoRows(const uint8_t* upper, const uint8_t* lower) {
  const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(upper));
  const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(lower));
  return _mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1);
}

// Rows 0, 4, 8 and 12 from `from` on.
SEMANTIC_VISION_TARGET_AVX512 inline __m512i FourRows(const uint8_t* from, size_t stride, __m512i order) {
  const __m256i upper = TwoRows(from, from + 4 * stride);
  const __m256i lower = TwoRows(from + 8 * stride, from + 12 * stride);
  return _mm512_shuffle_epi8(_mm512_inserti64x4(_mm512_castsi256_si512(upper), lower, 1), order);
}

// Fetches a piece of the next batch into the cache with every few blocks of this one: sixteen rows side by side are more than
// the hardware foresees.
inline void PrefetchNext(const Rows& rows, size_t block) {
  const size_t begin = kBatchRows * (rows.stride + block * rows.block_bytes);
  const size_t end = std::min(begin + kBatchRows * kBlocksAtOnce * rows.block_bytes, rows.readable);
  for (size_t at = begin; at < end; at += 64) {
    _mm_prefetch(reinterpret_cast<const char*>(rows.first + at), _MM_HINT_T1);
  }
}

// One block of 4 columns; rows[n] holds rows n, n + 4, n + 8 and n + 12.
SEMANTIC_VISION_TARGET_AVX512 inline void Transpose(const __m512i* rows, uint8_t* into) {
  const __m512i low01 = _mm512_unpacklo_epi32(rows[0], rows[1]);
  const __m512i low23 = _mm512_unpacklo_epi32(rows[2], rows[3]);
  const __m512i high01 = _mm512_unpackhi_epi32(rows[0], rows[1]);
  const __m512i high23 = _mm512_unpackhi_epi32(rows[2], rows[3]);
  _mm512_store_si512(into, _mm512_unpacklo_epi64(low01, low23));
  _mm512_store_si512(into + 64, _mm512_unpackhi_epi64(low01, low23));
  _mm512_store_si512(into + 128, _mm512_unpacklo_epi64(high01, high23));
}

// `kCount` blocks, each read with 16 bytes of each of 16 rows. Several at once are read row by row: where rows lie a
// multiple of 4 KiB apart, 16 of them do not stay in the L1 cache from one block to the next.
template <size_t kCount>
SEMANTIC_VISION_TARGET_AVX512 inline void Rearrange(const uint8_t* from, size_t stride, size_t block_bytes,
                                                    __m512i order, uint8_t* into) {
  __m512i rows[kCount][4];
  for (size_t n = 0; n < 4; ++n) {
    for (size_t b = 0; b < kCount; ++b) rows[b][n] = FourRows(from + n * stride + b * block_bytes, stride, order);
  }
  for (size_t b = 0; b < kCount; ++b) Transpose(rows[b], into + b * kBlockBytes);
}

// Rearranges one block of 4 columns where 16 bytes are not there to be read: at the end of a row, or at the bottom of
// the image, where rows are missing. The zeros put there meet weights that are zero too.
SEMANTIC_VISION_TARGET_AVX512 SEMANTIC_VISION_NOINLINE void RearrangeEdge(const Rows& rows, size_t block,
                                                                          uint8_t* into) {
  uint8_t copies[kBatchRows][16] = {};
  const size_t offset = block * rows.block_bytes;
  for (size_t r = 0; r < rows.count && offset < rows.bytes; ++r) {
    std::memcpy(copies[r], rows.first + r * rows.stride + offset, std::min<size_t>(16, rows.bytes - offset));
  }
  Rearrange<1>(copies[0], 16, 0, rows.order, into);
}

SEMANTIC_VISION_TARGET_AVX512 inline __m512i FourWeights(const int8_t* weights) {
  int32_t four;
  std::memcpy(&four, weights, sizeof(four));
  return _mm512_set1_epi32(four);
}

// `start` + pixel x weight over `quads` blocks.
SEMANTIC_VISION_TARGET_AVX512 inline Sums Accumulate(__m512i start, const uint8_t* values, const int8_t* weights,
                                                     size_t quads) {
  __m512i low0 = start, low1 = start, low2 = start;
  __m512i high0 = _mm512_setzero_si512(), high1 = high0, high2 = high0;
  for (const int8_t* end = weights + 8 * quads; weights != end; weights += 8, values += kBlockBytes) {
    const __m512i low = FourWeights(weights);
    const __m512i high = FourWeights(weights + 4);
    const __m512i red = _mm512_load_si512(values);
    const __m512i green = _mm512_load_si512(values + 64);
    const __m512i blue = _mm512_load_si512(values + 128);
    low0 = _mm512_dpbusd_epi32(low0, red, low);
    high0 = _mm512_dpbusd_epi32(high0, red, high);
    low1 = _mm512_dpbusd_epi32(low1, green, low);
    high1 = _mm512_dpbusd_epi32(high1, green, high);
    low2 = _mm512_dpbusd_epi32(low2, blue, low);
    high2 = _mm512_dpbusd_epi32(high2, blue, high);
  }
  return {{high0, high1, high2}, {low0, low1, low2}};
}

// Output columns of which the high halves of the weights did not settle every byte; see PackedWindow. They are
// unpredictable: dealing with each at once would cost a mispredicted branch in the midst of the sums.
constexpr size_t kUnsettled = 64;
struct Unsettled {
  size_t count = 0;
  size_t output[kUnsettled];
  uint64_t values[kUnsettled];  // bit 16 * c + r: row r of channel c
};

// Computes those bytes with the whole weights and puts them into the batch.
void Settle(const Unsettled& unsettled, const PixelView& source, size_t batch, const Axis& axis, size_t begin,
            size_t quad_bytes, uint8_t* into) {
  for (size_t n = 0; n < unsettled.count; ++n) {
    const size_t output = unsettled.output[n];
    for (uint64_t values = unsettled.values[n]; values != 0; values &= values - 1) {
      const size_t value = LowestBit(values);
      const size_t channel = value / kBatchRows;
      const size_t r = value % kBatchRows;
      const size_t row = batch * kBatchRows + r;
      if (row >= source.height) continue;  // below the image: whatever is there meets no weight
      into[r / kQuadRows * quad_bytes + (output - begin) * 12 + channel * 4 + r % kQuadRows] =
          avx2::Exact(source, row, channel, axis, output);
    }
  }
}

size_t Capacity(const Axis& axis) { return std::max(kLoadedBlocks, axis.packed.stride / kBlockColumns + 2 * kBlocksAtOnce); }

size_t EndBlock(const PackedWindow& window) { return (window.first + window.length) / kBlockColumns; }

}  // namespace

size_t ScratchBytes(const Axis& axis) { return Capacity(axis) * kBlockBytes; }

SEMANTIC_VISION_TARGET_AVX512 void Horizontal(const PixelView& source, size_t batch, const Axis& axis, size_t begin,
                                              size_t end, uint8_t* scratch, uint8_t* into) {
  constexpr char o = -128;
  const __m128i rgb = _mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, o, o, o, o);
  const __m128i rgba = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, o, o, o, o);
  Rows rows;
  rows.first = source.data + batch * kBatchRows * source.row_stride;
  rows.stride = source.row_stride;
  rows.count = std::min(kBatchRows, source.height - batch * kBatchRows);
  rows.bytes = source.width * source.channels;
  rows.block_bytes = kBlockColumns * source.channels;
  rows.readable = (source.height - 1 - batch * kBatchRows) * source.row_stride + rows.bytes;
  rows.order = _mm512_broadcast_i32x4(source.channels == 3 ? rgb : rgba);

  const PackedWeights& packed = axis.packed;
  const PackedWindow* windows = packed.windows.data();
  const int bits = kWeightBits - packed.shift;
  const __m128i shift = _mm_cvtsi32_si128(bits);
  const __m512i fraction = _mm512_set1_epi32((1 << bits) - 1);
  Unsettled unsettled;
  const size_t quad_bytes = QuadBytes(end - begin);
  const size_t capacity = Capacity(axis);

  // Blocks before this one can be read whole.
  const size_t inner_blocks =
      rows.count == kBatchRows && rows.bytes >= 16 ? (rows.bytes - 16) / rows.block_bytes + 1 : 0;
  size_t loaded_begin = windows[begin].first / kBlockColumns;
  size_t loaded_end = loaded_begin;
  for (size_t i = begin; i < end; ++i) {
    const PackedWindow window = windows[i];
    const size_t first = window.first / kBlockColumns;
    const size_t needed = EndBlock(window);
    if (needed + kBlocksAtOnce - loaded_begin > capacity) {
      const size_t kept = std::min(first, loaded_end);
      std::memmove(scratch, scratch + (kept - loaded_begin) * kBlockBytes, (loaded_end - kept) * kBlockBytes);
      loaded_begin = kept;
    }
    while (loaded_end < needed) {
      uint8_t* to = scratch + (loaded_end - loaded_begin) * kBlockBytes;
      if (loaded_end + kBlocksAtOnce <= inner_blocks) {
        PrefetchNext(rows, loaded_end);
        Rearrange<kBlocksAtOnce>(rows.first + loaded_end * rows.block_bytes, rows.stride, rows.block_bytes, rows.order,
                                 to);
        loaded_end += kBlocksAtOnce;
      } else {
        RearrangeEdge(rows, loaded_end, to);
        ++loaded_end;
      }
    }

    const __m512i start = _mm512_set1_epi32(window.lowest);
    const Sums sums = Accumulate(start, scratch + (first - loaded_begin) * kBlockBytes,
                                 packed.quads.data() + i * 2 * packed.stride, window.length / kBlockColumns);

    // A value is settled when the low halves at their most do not carry into the result.
    const __m512i carries = _mm512_set1_epi32((1 << bits) - 1 - window.spread);
    __m512i rounded[3];
    uint64_t differ = 0;
    for (int c = 0; c < 3; ++c) {
      const __m512i sum = _mm512_add_epi32(_mm512_slli_epi32(sums.high[c], 8), sums.low[c]);
      const __mmask16 carry = _mm512_cmpgt_epi32_mask(_mm512_and_si512(sum, fraction), carries);
      differ |= static_cast<uint64_t>(carry) << (16 * c);
      rounded[c] = _mm512_sra_epi32(sum, shift);
    }
    // Packing within 128-bit lanes, of four rows each, leaves a quad's R, G and B in its lane, and 4 idle bytes, which the
    // store spills into the next column.
    const __m512i bytes = _mm512_packus_epi16(_mm512_packs_epi32(rounded[0], rounded[1]),
                                              _mm512_packs_epi32(rounded[2], rounded[2]));
    uint8_t* to = into + (i - begin) * 12;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_castsi512_si128(bytes));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + quad_bytes), _mm512_extracti32x4_epi32(bytes, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 2 * quad_bytes), _mm512_extracti32x4_epi32(bytes, 2));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 3 * quad_bytes), _mm512_extracti32x4_epi32(bytes, 3));

    unsettled.output[unsettled.count] = i;
    unsettled.values[unsettled.count] = differ;
    unsettled.count += differ != 0;
    if (unsettled.count == kUnsettled) {
      Settle(unsettled, source, batch, axis, begin, quad_bytes, into);
      unsettled.count = 0;
    }
  }
  Settle(unsettled, source, batch, axis, begin, quad_bytes, into);
}

}  // namespace avx512
}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_HAS_AVX512
