// Stand-alone kernel tests, without Node, for the sanitizers and for emulated CPUs: every implementation that this CPU
// has against the scalar one.
#include "../kernels/implementations.h"
#include "harness.h"

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

void TestNormalize(const Implementation& implementation) {
  Random random(1);
  size_t cases = 0;
  for (size_t channels = 3; channels <= 4; ++channels) {
    for (size_t width = 1; width <= 66; ++width, ++cases) {
      CheckNormalize(implementation, TestImage(random, width, random.Between(1, 4), channels, 0, 0), random);
    }
  }
  for (; cases < 2000; ++cases) {
    const TestImage image(random, random.Between(1, 200), random.Between(1, 20), random.Between(3, 4),
                          random.Between(0, 30), random.Between(0, 15));
    CheckNormalize(implementation, image, random);
  }
  std::printf("ok normalize %s: %zu cases\n", implementation.name, cases);
}

}  // namespace
}  // namespace semantic_vision

int main() {
  for (const semantic_vision::Implementation* implementation : semantic_vision::SupportedImplementations()) {
    semantic_vision::TestNormalize(*implementation);
  }
  return 0;
}
