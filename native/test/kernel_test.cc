// Stand-alone kernel tests, without Node, for the sanitizers and for emulated CPUs: every implementation that this CPU
// has against the scalar one. The argument says how many random cases; default 2000. The argument "cpu" only prints what
// was found of the CPU.
#include "../kernels/cpu.h"
#include "../kernels/implementations.h"
#include "compose_test.h"
#include "harness.h"
#include "upright_test.h"

namespace semantic_vision {
namespace {

void CheckNormalize(const Implementation& implementation, const TestImage& image, Random& random) {
  const PixelView& view = image.view();
  const float scale[3] = {random.Unit(), random.Unit() * 100, random.Unit() * -3};
  const float bias[3] = {random.Unit() * -2, random.Unit() * 1000, random.Unit()};
  const size_t length = 3 * view.width * view.height;
  const std::unique_ptr<float[]> expected(new float[length]);
  const std::unique_ptr<float[]> actual(new float[length]);
  NormalizeScalar(view, scale, bias, expected.get());
  implementation.normalize(view, scale, bias, actual.get());
  if (std::memcmp(expected.get(), actual.get(), length * sizeof(float)) != 0) {
    FailTest("normalize", implementation.name, view);
  }
}

void TestNormalize(const Implementation& implementation, size_t count) {
  Random random(1);
  size_t cases = 0;
  for (size_t channels = 3; channels <= 4; ++channels) {
    for (size_t width = 1; width <= 66; ++width, ++cases) {
      CheckNormalize(implementation, TestImage(random, width, random.Between(1, 4), channels, 0, 0), random);
    }
  }
  for (; cases < count; ++cases) {
    const TestImage image(random, random.Between(1, 200), random.Between(1, 20), random.Between(3, 4),
                          random.Between(0, 30), random.Between(0, 15));
    CheckNormalize(implementation, image, random);
  }
  std::printf("ok normalize %s: %zu cases\n", implementation.name, cases);
}

void CheckResize(const Implementation& implementation, const TestImage& image, const ResizeRequest& request,
                 const float* table, ResizeContext& context) {
  const size_t length = 3 * request.crop_width * request.crop_height;
  const std::unique_ptr<uint8_t[]> expected(new uint8_t[length]);
  const std::unique_ptr<uint8_t[]> actual(new uint8_t[length]);
  const std::unique_ptr<float[]> planes(new float[length]);
  ResizeContext fresh;  // its buffers are as large as this case needs, so that any overrun shows
  bool same = Resize(kResizeScalar, image.stored(), request, {expected.get(), nullptr, nullptr}, fresh) &&
              Resize(*implementation.resize, image.stored(), request, {actual.get(), nullptr, nullptr}, fresh) &&
              Resize(*implementation.resize, image.stored(), request, {nullptr, planes.get(), table}, context) &&
              std::memcmp(expected.get(), actual.get(), length) == 0;
  for (size_t i = 0; same && i < length; ++i) {
    const size_t channel = i % 3;
    same = planes[channel * length / 3 + i / 3] == table[channel * 256 + expected[i]];
  }
  if (same) return;
  std::fprintf(stderr, "filter %d, %zux%zu, crop %zux%zu at %zu,%zu\n", static_cast<int>(request.filter), request.width,
               request.height, request.crop_width, request.crop_height, request.left, request.top);
  FailTest("resize", implementation.name, image.view());
}

size_t RandomSide(Random& random) { return random.Between(1, random.Between(0, 7) == 0 ? 400 : 50); }

void TestResize(const Implementation& implementation, size_t count) {
  Random random(2);
  ResizeContext context;
  float table[768];
  for (float& value : table) value = random.Unit();
  for (size_t n = 0; n < count; ++n) {
    TestImage image(random, RandomSide(random), RandomSide(random), random.Between(3, 4), random.Between(0, 20),
                    random.Between(0, 15));
    if (random.Between(0, 2) == 0) image.MakeExtreme();
    ResizeRequest request;
    request.filter = static_cast<Filter>(random.Between(0, 5));
    request.width = random.Between(0, 9) == 0 ? image.view().width : RandomSide(random);
    request.height = random.Between(0, 9) == 0 ? image.view().height : RandomSide(random);
    const bool crop = random.Between(0, 1) == 0;
    request.left = crop ? random.Between(0, request.width - 1) : 0;
    request.top = crop ? random.Between(0, request.height - 1) : 0;
    request.crop_width = crop ? random.Between(1, request.width - request.left) : request.width;
    request.crop_height = crop ? random.Between(1, request.height - request.top) : request.height;
    CheckResize(implementation, image, request, table, context);
  }
  // Shapes that need strips, or more source columns for one output than are rearranged at a time.
  const size_t extreme[][4] = {{1, 20000, 3, 2}, {20000, 2, 3, 3}, {40, 9000, 30, 2}, {2, 2, 4000, 5}, {3, 300, 3000, 7}};
  for (const auto& [width, height, to_width, to_height] : extreme) {
    for (int filter = 0; filter <= 5; ++filter) {
      const TestImage image(random, width, height, 3, 0, 0);
      CheckResize(implementation, image,
                  {to_width, to_height, static_cast<Filter>(filter), 0, 0, to_width, to_height}, table, context);
    }
  }
  std::printf("ok resize %s: %zu random and %zu extreme cases\n", implementation.name, count, 6 * std::size(extreme));
}

// "neon, scalar: i8mm asimddp", for the script to compare with the CPU that it emulates.
void PrintCpu() {
  std::printf("%s:", SupportedNames().c_str());
  for (const char* name : ByteDotProductNames()) std::printf(" %s", name);
  std::printf("\n");
}

}  // namespace
}  // namespace semantic_vision

int main(int count, char** arguments) {
  if (count > 1 && std::strcmp(arguments[1], "cpu") == 0) {
    semantic_vision::PrintCpu();
    return 0;
  }
  const size_t cases = count > 1 ? std::strtoul(arguments[1], nullptr, 10) : 2000;
  const auto& implementations = semantic_vision::SupportedImplementations();
  for (const semantic_vision::Implementation* implementation : implementations) {
    semantic_vision::TestCompose(*implementation);
    // Scalar is what the others are compared with: it runs anyway, unless it is the only one.
    if (implementation == implementations.back() && implementations.size() > 1) continue;
    semantic_vision::TestNormalize(*implementation, cases);
    semantic_vision::TestResize(*implementation, cases);
    semantic_vision::TestUpright(*implementation, cases);
  }
  return 0;
}
