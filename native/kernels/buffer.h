// Memory that is kept between calls and whose exhaustion is an answer, not an exception.
#ifndef SEMANTIC_VISION_KERNELS_BUFFER_H_
#define SEMANTIC_VISION_KERNELS_BUFFER_H_

#include <cstddef>
#include <new>

namespace semantic_vision {

// Uninitialised elements, aligned to a cache line. For plain data only: no constructor runs.
template <typename Element>
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { Free(); }

  // Room for `length` elements; what was in it is lost when it has to grow. False when there is no memory.
  bool Reserve(size_t length) {
    if (length <= length_) return true;
    Free();
    if (length > static_cast<size_t>(-1) / 2 / sizeof(Element)) return false;
    data_ = static_cast<Element*>(::operator new(length * sizeof(Element), kAlignment, std::nothrow));
    length_ = data_ == nullptr ? 0 : length;
    return data_ != nullptr;
  }

  void Free() {
    if (data_ != nullptr) ::operator delete(data_, kAlignment);
    data_ = nullptr;
    length_ = 0;
  }

  Element* data() { return data_; }
  const Element* data() const { return data_; }
  size_t bytes() const { return length_ * sizeof(Element); }

 private:
  static constexpr std::align_val_t kAlignment{64};
  Element* data_ = nullptr;
  size_t length_ = 0;
};

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_KERNELS_BUFFER_H_
