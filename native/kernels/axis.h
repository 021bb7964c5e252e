// One axis of a resize: for each output position, which source positions it reads and with which weights.
#ifndef SEMANTIC_VISION_KERNELS_AXIS_H_
#define SEMANTIC_VISION_KERNELS_AXIS_H_

#include <cstddef>
#include <cstdint>

#include "buffer.h"

namespace semantic_vision {

// Pillow's numbers, which preprocessor_config.json uses for `resample`.
enum class Filter { kNearest = 0, kLanczos = 1, kBilinear = 2, kBicubic = 3, kBox = 4, kHamming = 5 };

// Weights are integers, 1.0 = 2^22, as in Pillow.
constexpr int kWeightBits = 22;
constexpr int32_t kHalf = 1 << (kWeightBits - 1);

// The AxisKey::packing that asks for PackedWeights::quads; any other one but 0 asks for PackedWeights::high.
constexpr size_t kQuadPacking = 4;

struct AxisKey {
  size_t source_size;
  size_t target_size;
  Filter filter;  // never kNearest, which has no weights
  size_t begin;   // first target position wanted
  size_t count;   // how many
  size_t packing;  // 0, or what the windows of PackedWeights are aligned to

  bool operator==(const AxisKey& other) const {
    return source_size == other.source_size && target_size == other.target_size && filter == other.filter &&
           begin == other.begin && count == other.count && packing == other.packing;
  }
};

struct Window {
  uint32_t first;
  uint32_t length;
};

// The same weights in two halves for 16-bit multiply-add: weight = (high << shift) + low. The sum S over the high halves
// alone mostly settles the result: with the low halves at their least it is (S + lowest) >> (kWeightBits - shift), with
// them at their most (S + lowest + spread) >> (kWeightBits - shift); only where those differ are the low halves needed.
// Windows start and end at multiples of the packing (zero weights fill them).
struct PackedWindow {
  uint32_t first;
  uint32_t length;
  int32_t lowest;  // kHalf + the least that the low halves can add, divided by 2^shift, rounded down
  int32_t spread;
};

struct PackedWeights {
  Buffer<PackedWindow> windows;
  Buffer<int16_t> high;  // `stride` per output; the low halves are what is left of Axis::weights
  // The same for 8-bit multiply-add: 2 * `stride` per output; for every four weights first their signed low bytes, then
  // their high bytes: high = 256 * (high byte) + (low byte).
  Buffer<int8_t> quads;
  size_t stride = 0;
  int shift = 0;
};

struct Axis {
  Buffer<Window> windows;   // one per output; `first` and `first + length` never decrease
  Buffer<int32_t> weights;  // `stride` per output, zero beyond the window's length
  size_t stride = 0;        // a multiple of 8
  PackedWeights packed;     // empty when key.packing is 0

  // False when there is no memory.
  bool Build(const AxisKey& key);
  size_t bytes() const;

 private:
  bool BuildPacked(const AxisKey& key);
};

// Pillow's nearest neighbour: positions[i] = the source position of target position begin + i.
void NearestPositions(size_t source_size, size_t target_size, size_t begin, size_t count, size_t* positions);

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_KERNELS_AXIS_H_
