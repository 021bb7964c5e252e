// The upright, opaque copy is made pixel by pixel, from EXIF's definition: which stored row and column is seen first.
#include "upright_test.h"

#include "compose_test.h"
#include "harness.h"

namespace semantic_vision {
namespace {

// The stored position of what is seen at (x, y), by the EXIF specification's table of "0th row" and "0th column".
void StoredPosition(const StoredImage& image, size_t x, size_t y, size_t* column, size_t* row) {
  const size_t right = image.width - 1;
  const size_t bottom = image.height - 1;
  switch (image.orientation) {
    case 1: *column = x, *row = y; return;                   // top, left
    case 2: *column = right - x, *row = y; return;           // top, right
    case 3: *column = right - x, *row = bottom - y; return;  // bottom, right
    case 4: *column = x, *row = bottom - y; return;          // bottom, left
    case 5: *column = y, *row = x; return;                   // left, top
    case 6: *column = y, *row = bottom - x; return;          // right, top
    case 7: *column = right - y, *row = bottom - x; return;  // right, bottom
    default: *column = right - y, *row = x; return;          // left, bottom
  }
}

uint8_t Stored(const StoredImage& image, size_t column, size_t row, size_t index) {
  const uint8_t* at = image.data + row * image.row_stride + (column * image.channels + index) * image.bytes_per_sample;
  if (image.bytes_per_sample == 1) return *at;
  uint16_t wide;
  std::memcpy(&wide, at, 2);
  return static_cast<uint8_t>(wide / 256);
}

// What is seen of a channel, over the background if there is one.
uint8_t Seen(const StoredImage& image, size_t column, size_t row, size_t channel) {
  const uint8_t sample = Stored(image, column, row, image.channels < 3 ? 0 : channel);
  if (!image.background.has_value() || image.channels == 1 || image.channels == 3) return sample;
  const Colour under = *image.background;
  const uint8_t alpha = Stored(image, column, row, image.channels - 1);
  return ComposedSample(sample, alpha, channel == 0 ? under.red : channel == 1 ? under.green : under.blue);
}

}  // namespace

void TestUpright(const Implementation& implementation, size_t count) {
  Random random(3);
  ResizeContext context;
  for (size_t n = 0; n < count; ++n) {
    const size_t side = n % 50 == 0 ? 700 : 40;
    StoredImage image = {};
    image.width = random.Between(1, side);
    image.height = random.Between(1, side);
    image.channels = random.Between(1, 4);
    image.bytes_per_sample = random.Between(1, 2);
    image.orientation = static_cast<int>(random.Between(1, 8));
    const size_t row_bytes = image.width * image.channels * image.bytes_per_sample;
    image.row_stride = row_bytes + random.Between(0, 9);
    const size_t bytes = (image.height - 1) * image.row_stride + row_bytes;
    const std::unique_ptr<uint8_t[]> memory(new uint8_t[bytes]);
    for (size_t i = 0; i < bytes; ++i) memory[i] = random.Byte();
    image.data = memory.get();
    if (random.Between(0, 1) == 0) image.background = Colour{random.Byte(), random.Byte(), random.Byte()};

    const size_t width = image.upright_width();
    const size_t height = image.upright_height();
    const std::unique_ptr<uint8_t[]> upright(new uint8_t[3 * width * height]);
    for (size_t i = 0; i < 3 * width * height; ++i) {
      size_t column, row;
      StoredPosition(image, i / 3 % width, i / 3 / width, &column, &row);
      upright[i] = Seen(image, column, row, i % 3);
    }
    const StoredImage plain = {upright.get(), width, height, 3 * width, 3, 1, 1};

    ResizeRequest request = {};
    request.filter = static_cast<Filter>(random.Between(0, 5));
    request.width = random.Between(0, 9) == 0 ? width : random.Between(1, 50);
    request.height = random.Between(0, 9) == 0 ? height : random.Between(1, 50);
    request.crop_width = request.width;
    request.crop_height = request.height;
    const size_t length = 3 * request.width * request.height;
    const std::unique_ptr<uint8_t[]> expected(new uint8_t[length]);
    const std::unique_ptr<uint8_t[]> actual(new uint8_t[length]);
    ResizeContext fresh;
    if (!Resize(kResizeScalar, plain, request, {expected.get(), nullptr, nullptr}, fresh) ||
        !Resize(*implementation.resize, image, request, {actual.get(), nullptr, nullptr}, context) ||
        std::memcmp(expected.get(), actual.get(), length) != 0) {
      std::fprintf(stderr, "orientation %d, %zu bytes a sample, %s, to %zux%zu\n", image.orientation,
                   image.bytes_per_sample, image.background.has_value() ? "composed" : "alpha dropped", request.width,
                   request.height);
      FailTest("upright", implementation.name,
               {image.data, image.width, image.height, image.channels, image.row_stride});
    }
  }
  std::printf("ok upright %s: %zu cases\n", implementation.name, count);
}

}  // namespace semantic_vision
