// The course of a resize: which source rows are needed when, and where finished rows go. No arithmetic on pixels.
#include "resize.h"

#include <algorithm>
#include <cstring>

namespace semantic_vision {
namespace {

// What the horizontally resized rows of one vertical window may take: well inside the L2 cache of any server CPU.
constexpr size_t kRingBytes = size_t{256} << 10;

// Puts `columns` finished pixels at (x, y) of the wanted part.
void Finish(const uint8_t* row, size_t x, size_t y, size_t columns, const ResizeRequest& request,
            const ResizeTarget& target) {
  const size_t at = y * request.crop_width + x;
  if (target.bytes != nullptr) {
    std::memcpy(target.bytes + at * 3, row, columns * 3);
    return;
  }
  const size_t plane = request.crop_width * request.crop_height;
  float* red = target.planes + at;
  float* green = red + plane;
  float* blue = green + plane;
  const float* table = target.table;
  for (size_t i = 0; i < columns; ++i) {
    red[i] = table[row[3 * i]];
    green[i] = table[256 + row[3 * i + 1]];
    blue[i] = table[512 + row[3 * i + 2]];
  }
}

// The upright source, a few rows at a time: its own memory where that can be read as it is, otherwise a band that is made
// upright, 8-bit and opaque on the way, so that no whole copy of the image ever exists.
class UprightSource {
 public:
  UprightSource(const ResizeKernel& kernel, const StoredImage& image, ResizeContext& context)
      : kernel_(kernel), image_(image), context_(context) {}

  // Bands hold whole multiples of `unit` rows. False when there is no memory.
  bool Prepare(size_t unit) {
    if (InPlace()) return true;
    const size_t row_bytes = image_.upright_channels() * image_.upright_width();
    band_rows_ = std::max(kBandBytes / row_bytes / unit, size_t{1}) * unit;
    return context_.band.Reserve(band_rows_ * row_bytes);
  }

  // Where rows [row, row + unit) are, `row` a multiple of unit: as rows [*at, ...) of the result.
  PixelView Rows(size_t row, size_t* at) {
    if (InPlace()) {
      *at = row;
      return {image_.data, image_.width, image_.height, image_.channels, image_.row_stride};
    }
    const size_t width = image_.upright_width();
    if (row < first_ || row >= first_ + count_) {
      first_ = row;
      count_ = std::min(band_rows_, image_.upright_height() - row);
      FillBand();
    }
    *at = row - first_;
    const size_t channels = image_.upright_channels();
    return {context_.band.data(), width, count_, channels, channels * width};
  }

 private:
  bool InPlace() const { return image_.is_plain() && !image_.is_composed(); }

  void FillBand() {
    uint8_t* band = context_.band.data();
    if (!image_.is_composed()) return ReadUprightRows(image_, first_, count_, band);
    const size_t width = image_.upright_width();
    if (!image_.is_plain()) {
      ReadUprightRows(image_, first_, count_, band);
      return kernel_.compose(band, count_ * width, *image_.background, band);
    }
    for (size_t y = 0; y < count_; ++y) {
      kernel_.compose(image_.data + (first_ + y) * image_.row_stride, width, *image_.background, band + 4 * width * y);
    }
  }

  // Rows of a turned image are columns of the stored one, each of whose rows is read once for a whole band.
  static constexpr size_t kBandBytes = size_t{192} << 10;

  const ResizeKernel& kernel_;
  const StoredImage& image_;
  ResizeContext& context_;
  size_t band_rows_ = 0;
  size_t first_ = 0;
  size_t count_ = 0;
};

// Nearest neighbour, and plain copies: every output is one source pixel.
bool Pick(const ResizeKernel& kernel, const StoredImage& source, const ResizeRequest& request,
          const ResizeTarget& target, ResizeContext& context) {
  UprightSource upright(kernel, source, context);
  if (!context.positions.Reserve(request.crop_width + request.crop_height) ||
      !context.row.Reserve(request.crop_width * 3) || !upright.Prepare(1)) {
    return false;
  }
  size_t* columns = context.positions.data();
  size_t* rows = columns + request.crop_width;
  NearestPositions(source.upright_width(), request.width, request.left, request.crop_width, columns);
  NearestPositions(source.upright_height(), request.height, request.top, request.crop_height, rows);
  uint8_t* row = context.row.data();
  for (size_t y = 0; y < request.crop_height; ++y) {
    size_t at;
    const PixelView view = upright.Rows(rows[y], &at);
    const uint8_t* from = view.data + at * view.row_stride;
    for (size_t x = 0; x < request.crop_width; ++x) {
      const uint8_t* pixel = from + columns[x] * view.channels;
      row[3 * x] = pixel[0];
      row[3 * x + 1] = pixel[1];
      row[3 * x + 2] = pixel[2];
    }
    Finish(row, 0, y, request.crop_width, request, target);
  }
  return true;
}

// How many batches the widest vertical window touches.
size_t BatchesAtOnce(const Axis& vertical, size_t count, size_t batch_rows) {
  size_t most = 0;
  for (size_t y = 0; y < count; ++y) {
    const Window window = vertical.windows.data()[y];
    most = std::max(most, (window.first + window.length - 1) / batch_rows - window.first / batch_rows + 1);
  }
  return most;
}

}  // namespace

bool Resize(const ResizeKernel& kernel, const StoredImage& source, const ResizeRequest& request,
            const ResizeTarget& target, ResizeContext& context) {
  const size_t source_width = source.upright_width();
  const size_t source_height = source.upright_height();
  const bool unchanged = source_width == request.width && source_height == request.height;
  if (unchanged || request.filter == Filter::kNearest) return Pick(kernel, source, request, target, context);

  const Axis* horizontal = context.axes.Get({source_width, request.width, request.filter, request.left,
                                             request.crop_width, kernel.horizontal_packing});
  const Axis* vertical = context.axes.Get({source_height, request.height, request.filter, request.top,
                                           request.crop_height, kernel.vertical_packing});
  if (horizontal == nullptr || vertical == nullptr) return false;

  const size_t slots = BatchesAtOnce(*vertical, request.crop_height, kernel.batch_rows);
  // Extreme shapes (a very tall source, a very wide target) are done in vertical strips, so that the ring stays small.
  size_t strip = request.crop_width;
  while (strip > 1 && slots * kernel.batch_bytes(strip) > kRingBytes) strip = (strip + 1) / 2;
  const size_t batch_bytes = kernel.batch_bytes(strip);
  UprightSource upright(kernel, source, context);
  if (!upright.Prepare(kernel.batch_rows) || !context.ring.Reserve(slots * batch_bytes) || !context.batches.Reserve(slots) ||
      !context.row.Reserve(strip * 3 + 64) || !context.scratch.Reserve(kernel.scratch_bytes(*horizontal))) {
    return false;
  }

  for (size_t begin = 0; begin < request.crop_width; begin += strip) {
    const size_t end = std::min(begin + strip, request.crop_width);
    size_t next = vertical->windows.data()[0].first / kernel.batch_rows;  // the first batch not yet in the ring
    for (size_t y = 0; y < request.crop_height; ++y) {
      const Window window = vertical->windows.data()[y];
      const size_t first = window.first / kernel.batch_rows;
      const size_t last = (window.first + window.length - 1) / kernel.batch_rows;
      for (next = std::max(next, first); next <= last; ++next) {
        size_t at;
        const PixelView rows = upright.Rows(next * kernel.batch_rows, &at);
        kernel.horizontal(rows, at / kernel.batch_rows, *horizontal, begin, end, context.scratch.data(),
                          context.ring.data() + next % slots * batch_bytes);
      }
      for (size_t batch = first; batch <= last; ++batch) {
        context.batches.data()[batch - first] = context.ring.data() + batch % slots * batch_bytes;
      }
      kernel.vertical(context.batches.data(), *vertical, y, end - begin, context.row.data());
      Finish(context.row.data(), begin, y, end - begin, request, target);
    }
  }
  return true;
}

}  // namespace semantic_vision
