// Keeps the weights of recent resizes: photos come in few sizes, and computing them costs more than a small resize.
#ifndef SEMANTIC_VISION_KERNELS_AXIS_CACHE_H_
#define SEMANTIC_VISION_KERNELS_AXIS_CACHE_H_

#include <array>
#include <memory>

#include "axis.h"

namespace semantic_vision {

// Least recently used first to go. Not for sharing between threads: each has its own, without locks.
class AxisCache {
 public:
  // Computed now or before; nullptr when there is no memory. The last two answers stay valid.
  const Axis* Get(const AxisKey& key);

 private:
  struct Entry {
    AxisKey key;
    std::unique_ptr<Axis> axis;
  };
  static constexpr size_t kMaxBytes = size_t{8} << 20;
  std::array<Entry, 32> entries_;  // most recently used first; unused ones last
};

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_KERNELS_AXIS_CACHE_H_
