// Plain loops: what they cost is memory traffic, and the common case, upright 8-bit RGB, does not come here.
#include "upright_rows.h"

#include <cstring>

namespace semantic_vision {
namespace {

template <size_t kBytes>
inline uint8_t ReadSample(const uint8_t* from) {
  if (kBytes == 1) return *from;
  uint16_t sample;
  std::memcpy(&sample, from, 2);
  return static_cast<uint8_t>(sample >> 8);
}

// kInto 3 writes RGB; 4 writes RGBA, of a source that has alpha.
template <size_t kChannels, size_t kBytes, size_t kInto>
inline void ReadPixel(const uint8_t* from, uint8_t* into) {
  constexpr bool kColour = kChannels >= 3;
  const uint8_t first = ReadSample<kBytes>(from);
  const uint8_t second = kColour ? ReadSample<kBytes>(from + kBytes) : first;
  const uint8_t third = kColour ? ReadSample<kBytes>(from + 2 * kBytes) : first;
  into[0] = first;
  into[1] = second;
  into[2] = third;
  if (kInto == 4) into[3] = ReadSample<kBytes>(from + (kChannels - 1) * kBytes);
}

// `count` pixels that lie `step` bytes apart. `roomy`: a fourth byte may be read and written with each, which makes a
// colour pixel one load and one store.
template <size_t kChannels, size_t kBytes, size_t kInto>
inline void ReadRun(const uint8_t* from, ptrdiff_t step, size_t count, bool roomy, uint8_t* into) {
  if (kChannels >= 3 && kBytes == 1 && roomy) {
    for (size_t i = 0; i < count; ++i) std::memcpy(into + kInto * i, from + static_cast<ptrdiff_t>(i) * step, 4);
  } else {
    for (size_t i = 0; i < count; ++i) {
      ReadPixel<kChannels, kBytes, kInto>(from + static_cast<ptrdiff_t>(i) * step, into + kInto * i);
    }
  }
}

// EXIF's orientations as what has to be undone: mirrored along the stored rows, along the stored columns.
constexpr bool kMirroredX[9] = {false, false, true, true, false, false, false, true, true};
constexpr bool kMirroredY[9] = {false, false, false, true, true, false, true, true, false};

// A band of a stored row is one or two cache lines, and the next one is a whole row away: no hardware foresees that.
inline void Prefetch(const uint8_t* at) {
#if defined(__GNUC__)
  __builtin_prefetch(at);
#else
  static_cast<void>(at);
#endif
}

// Stored rows that are read side by side, so that an upright row is written in pieces of a cache line or so.
constexpr size_t kBlock = 16;

template <size_t kChannels, size_t kBytes, size_t kInto>
void ReadRows(const StoredImage& image, size_t first, size_t count, uint8_t* into) {
  constexpr size_t kStep = kChannels * kBytes;
  const bool mirrored_x = kMirroredX[image.orientation];
  const bool mirrored_y = kMirroredY[image.orientation];
  const size_t width = image.upright_width();
  const auto at = [&](size_t column, size_t row) {
    return image.data + (mirrored_y ? image.height - 1 - row : row) * image.row_stride +
           (mirrored_x ? image.width - 1 - column : column) * kStep;
  };
  const ptrdiff_t next_column = mirrored_x ? -static_cast<ptrdiff_t>(kStep) : static_cast<ptrdiff_t>(kStep);
  const ptrdiff_t next_row = mirrored_y ? -static_cast<ptrdiff_t>(image.row_stride)
                                        : static_cast<ptrdiff_t>(image.row_stride);
  // The last pixel of an upright row is not roomy: the fourth byte would be the next row's. Nor is the last stored row:
  // behind its last pixel the memory may end. Upright, that row is the first or the last one, or column.
  const size_t last_stored = mirrored_y ? 0 : image.height - 1;

  if (!image.transposed()) {
    for (size_t y = first; y < first + count; ++y, into += kInto * width) {
      ReadRun<kChannels, kBytes, kInto>(at(0, y), next_column, width - 1, y != last_stored, into);
      ReadRun<kChannels, kBytes, kInto>(at(width - 1, y), 0, 1, false, into + kInto * (width - 1));
    }
    return;
  }
  // Upright rows are stored columns.
  for (size_t begin = 0; begin < width; begin += kBlock) {
    const size_t end = begin + kBlock < width ? begin + kBlock : width;
    for (size_t x = end; x < end + kBlock && x < width; ++x) {
      Prefetch(at(first, x));
      Prefetch(at(first + count - 1, x));
    }
    const bool roomy = end < width && (last_stored < begin || last_stored >= end);
    for (size_t y = 0; y < count; ++y) {
      ReadRun<kChannels, kBytes, kInto>(at(first + y, begin), next_row, end - begin, roomy,
                                        into + kInto * (width * y + begin));
    }
  }
}

}  // namespace

void ReadUprightRows(const StoredImage& image, size_t first, size_t count, uint8_t* into) {
  const bool wide = image.bytes_per_sample == 2;
  const bool alpha = image.is_composed();
  switch (image.channels) {
    case 1:
      return wide ? ReadRows<1, 2, 3>(image, first, count, into) : ReadRows<1, 1, 3>(image, first, count, into);
    case 2:
      if (alpha && wide) return ReadRows<2, 2, 4>(image, first, count, into);
      if (alpha) return ReadRows<2, 1, 4>(image, first, count, into);
      return wide ? ReadRows<2, 2, 3>(image, first, count, into) : ReadRows<2, 1, 3>(image, first, count, into);
    case 3:
      return wide ? ReadRows<3, 2, 3>(image, first, count, into) : ReadRows<3, 1, 3>(image, first, count, into);
    default:
      if (alpha && wide) return ReadRows<4, 2, 4>(image, first, count, into);
      if (alpha) return ReadRows<4, 1, 4>(image, first, count, into);
      return wide ? ReadRows<4, 2, 3>(image, first, count, into) : ReadRows<4, 1, 3>(image, first, count, into);
  }
}

}  // namespace semantic_vision
