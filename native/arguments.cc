// Reads and checks what JavaScript passed.
#include "arguments.h"

#include <cmath>
#include <cstdio>
#include <functional>

namespace semantic_vision {
namespace {

// Keeps width * height * 3 * sizeof(float) far from overflowing size_t; a real image has 2^32 pixels at most.
constexpr uint64_t kMaxSide = uint64_t{1} << 28;
constexpr uint64_t kMaxSafeInteger = (uint64_t{1} << 53) - 1;

std::string Describe(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean:
      return "a boolean";
    case napi_number: {
      char text[32];
      std::snprintf(text, sizeof(text), "%.15g", value.As<Napi::Number>().DoubleValue());
      return text;
    }
    case napi_string:
      return "a string";
    case napi_function:
      return "a function";
    default:
      return value.IsTypedArray() ? "a typed array of another type" : "a value of another type";
  }
}

// napi_get_typedarray_info rather than Napi::TypedArray: the latter may ask for the ArrayBuffer, which a view of a
// SharedArrayBuffer does not have.
bool TypedArray(const Napi::Value& value, napi_typedarray_type* type, void** data, size_t* length) {
  if (!value.IsTypedArray()) return false;
  return napi_get_typedarray_info(value.Env(), value, type, length, data, nullptr, nullptr) == napi_ok;
}

}  // namespace

uint64_t Arguments::Integer(size_t index, const char* name, uint64_t minimum, uint64_t maximum) {
  const Napi::Value value = info_[index];
  if (value.IsNumber()) {
    const double number = value.As<Napi::Number>().DoubleValue();
    if (number >= static_cast<double>(minimum) && number <= static_cast<double>(maximum) &&
        number == std::floor(number)) {
      return static_cast<uint64_t>(number);
    }
  }
  FailExpected(name, "an integer from " + std::to_string(minimum) + " to " + std::to_string(maximum), Describe(value));
  return 0;
}

Span<uint8_t> Arguments::Bytes(size_t index, const char* name) {
  napi_typedarray_type type;
  void* data;
  size_t length;
  const Napi::Value value = info_[index];
  if (TypedArray(value, &type, &data, &length) && (type == napi_uint8_array || type == napi_uint8_clamped_array)) {
    return {static_cast<uint8_t*>(data), length};
  }
  FailExpected(name, "a Uint8Array", Describe(value));
  return {};
}

Span<float> Arguments::Floats(size_t index, const char* name) {
  napi_typedarray_type type;
  void* data;
  size_t length;
  const Napi::Value value = info_[index];
  if (TypedArray(value, &type, &data, &length) && type == napi_float32_array) {
    return {static_cast<float*>(data), length};
  }
  FailExpected(name, "a Float32Array", Describe(value));
  return {};
}

const float* Arguments::Coefficients(size_t index, const char* name, size_t length) {
  const Span<float> values = Floats(index, name);
  if (!ok()) return nullptr;
  bool valid = values.length == length;
  for (size_t i = 0; valid && i < length; ++i) valid = std::isfinite(values.data[i]);
  if (!valid) {
    FailExpected(name, std::to_string(length) + " finite numbers",
                 std::to_string(values.length) + " elements, or a NaN or infinite one");
  }
  return values.data;
}

PixelView Arguments::Pixels(size_t index, Span<uint8_t> source) { return Rows(index, source, 3, 1); }

StoredImage Arguments::Stored(size_t index, Span<uint8_t> source) {
  const uint64_t sample_bytes = Integer(index + 5, "bytesPerSample", 1, 2);
  const uint64_t orientation = Integer(index + 6, "orientation", 1, 8);
  const std::optional<Colour> background = Background(index + 7);
  if (!ok()) return {};
  const PixelView view = Rows(index, source, 1, sample_bytes);
  return {view.data,     view.width, view.height, view.row_stride, view.channels, static_cast<size_t>(sample_bytes),
          static_cast<int>(orientation), background};
}

std::optional<Colour> Arguments::Background(size_t index) {
  if (info_[index].IsUndefined()) return std::nullopt;
  const uint64_t colour = Integer(index, "background", 0, 0xffffff);
  return Colour{static_cast<uint8_t>(colour >> 16), static_cast<uint8_t>(colour >> 8), static_cast<uint8_t>(colour)};
}

PixelView Arguments::Rows(size_t index, Span<uint8_t> source, uint64_t least_channels, uint64_t sample_bytes) {
  const uint64_t offset = Integer(index, "offset", 0, kMaxSafeInteger);
  const uint64_t width = Integer(index + 1, "width", 1, kMaxSide);
  const uint64_t height = Integer(index + 2, "height", 1, kMaxSide);
  const uint64_t channels = Integer(index + 3, "channels", least_channels, 4);
  if (!ok()) return {};
  const uint64_t row = width * channels * sample_bytes;
  const uint64_t stride = Integer(index + 4, "rowStride", row, kMaxSafeInteger);
  if (!ok()) return {};

  // In divisions, since (height - 1) * stride may exceed 64 bits.
  const bool first_row_fits = offset <= source.length && row <= source.length - offset;
  if (!first_row_fits || (height > 1 && stride > (source.length - offset - row) / (height - 1))) {
    FailExpected("source", std::to_string(height) + " rows of " + std::to_string(row) + " bytes, " +
                               std::to_string(stride) + " apart, from offset " + std::to_string(offset),
                 std::to_string(source.length) + " bytes");
    return {};
  }
  return {source.data + offset, static_cast<size_t>(width), static_cast<size_t>(height), static_cast<size_t>(channels),
          static_cast<size_t>(stride)};
}

const Implementation* Arguments::ImplementationNamed(size_t index, const Implementation* otherwise) {
  const Napi::Value value = info_[index];
  if (value.IsUndefined()) return otherwise;
  const std::string expected = "one of " + SupportedNames() + " (what this CPU can run)";
  if (!value.IsString()) {
    FailExpected("implementation", expected, Describe(value));
    return otherwise;
  }
  const std::string name = value.As<Napi::String>().Utf8Value();
  const Implementation* found = FindImplementation(name);
  if (found == nullptr) FailExpected("implementation", expected, "\"" + name.substr(0, 60) + "\"");
  return found;
}

void Arguments::CheckTarget(const void* target, size_t length, size_t element_bytes, size_t needed,
                            Span<uint8_t> source) {
  if (!ok()) return;
  if (length < needed) {
    FailExpected("target", "at least " + std::to_string(needed) + " elements", std::to_string(length));
  } else if (Overlap(source.data, source.length, target, length * element_bytes)) {
    Fail("Expected source and target to be separate memory but they overlap.");
  }
}

void Arguments::Fail(const std::string& message) {
  if (error_.empty()) error_ = message;
}

void Arguments::FailExpected(const char* name, const std::string& expected, const std::string& received) {
  Fail("Expected " + expected + " for " + name + " but received " + received + ".");
}

Napi::Value Arguments::Throw() const {
  Napi::RangeError::New(info_.Env(), error_).ThrowAsJavaScriptException();
  return info_.Env().Undefined();
}

bool Overlap(const void* a, size_t a_bytes, const void* b, size_t b_bytes) {
  const uint8_t* a_begin = static_cast<const uint8_t*>(a);
  const uint8_t* b_begin = static_cast<const uint8_t*>(b);
  // std::less orders pointers into different allocations, which < does not promise to.
  const std::less<const uint8_t*> less;
  return less(a_begin, b_begin + b_bytes) && less(b_begin, a_begin + a_bytes);
}

}  // namespace semantic_vision
