// Keeps the weights of recent resizes.
#include "axis_cache.h"

#include <algorithm>

namespace semantic_vision {

const Axis* AxisCache::Get(const AxisKey& key) {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&key](const Entry& entry) {
    return entry.axis != nullptr && entry.key == key;
  });
  if (found != entries_.end()) {
    std::rotate(entries_.begin(), found, found + 1);
    return entries_.front().axis.get();
  }

  std::unique_ptr<Axis> axis(new (std::nothrow) Axis);
  if (axis == nullptr || !axis->Build(key)) return nullptr;
  std::rotate(entries_.begin(), entries_.end() - 1, entries_.end());
  entries_.front() = {key, std::move(axis)};

  // Both axes of one resize must stay, however large they are.
  size_t bytes = 0;
  for (size_t i = 0; i < entries_.size() && entries_[i].axis != nullptr; ++i) {
    bytes += entries_[i].axis->bytes();
    if (i >= 2 && bytes > kMaxBytes) entries_[i].axis.reset();
  }
  return entries_.front().axis.get();
}

}  // namespace semantic_vision
