// Pillow's resize, bit for bit, of interleaved 8-bit pixels, straight into bytes or a float32 tensor.
#ifndef SEMANTIC_VISION_KERNELS_RESIZE_H_
#define SEMANTIC_VISION_KERNELS_RESIZE_H_

#include "axis.h"
#include "axis_cache.h"
#include "buffer.h"
#include "compose.h"
#include "pixel_view.h"
#include "upright_rows.h"

namespace semantic_vision {

// What an implementation provides. Source rows go through the horizontal pass in batches; the vertical pass reads the
// batches. How a batch is laid out is the implementation's own affair.
struct ResizeKernel {
  size_t batch_rows;          // source rows in a batch; batch b holds rows [b * batch_rows, (b + 1) * batch_rows)
  size_t horizontal_packing;  // AxisKey::packing of either axis
  size_t vertical_packing;
  size_t (*batch_bytes)(size_t columns);
  size_t (*scratch_bytes)(const Axis& horizontal);  // what Horizontal() works in

  // Outputs [begin, end) of the axis for the rows of batch number `batch`, into `into`.
  void (*horizontal)(const PixelView& source, size_t batch, const Axis& axis, size_t begin, size_t end,
                     uint8_t* scratch, uint8_t* into);

  // Row number `output` of the axis, `columns` interleaved RGB pixels, into `row`, which has room up to the next
  // multiple of 64 bytes. batches[0] holds the first source row that the row needs, the following ones follow.
  void (*vertical)(const uint8_t* const* batches, const Axis& axis, size_t output, size_t columns, uint8_t* row);

  // For sources that are to be composed over a background.
  ComposeFunction compose;
};

extern const ResizeKernel kResizeScalar;
extern const ResizeKernel kResizeAvx2;
extern const ResizeKernel kResizeAvx512;
extern const ResizeKernel kResizeNeon;

// Sides beyond this would need weight tables out of proportion; no image format in use comes near it.
constexpr size_t kMaxResizeSide = size_t{1} << 20;

struct ResizeRequest {
  size_t width;  // of the whole resized image, upright; it, the source and the sides below are at most kMaxResizeSide
  size_t height;
  Filter filter;
  size_t left;  // the part of it that is wanted; only that part is computed
  size_t top;
  size_t crop_width;
  size_t crop_height;
};

// Either bytes (interleaved RGB) or planes (NCHW: 3 planes of floats, each byte looked up in its channel's table).
struct ResizeTarget {
  uint8_t* bytes;
  float* planes;
  const float* table;  // 3 * 256
};

// Working memory and weights, reused from call to call. One per thread.
struct ResizeContext {
  AxisCache axes;
  Buffer<uint8_t> ring;
  Buffer<uint8_t> scratch;
  Buffer<uint8_t> row;
  Buffer<uint8_t> band;
  Buffer<const uint8_t*> batches;
  Buffer<size_t> positions;
};

// False when there is no memory, which leaves the target partly written.
bool Resize(const ResizeKernel& kernel, const StoredImage& source, const ResizeRequest& request,
            const ResizeTarget& target, ResizeContext& context);

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_KERNELS_RESIZE_H_
