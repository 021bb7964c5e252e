// The addon's export table; the work is in the files it names.
#include "addon.h"

#include "choose_implementation.h"

namespace semantic_vision {
namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  const Implementation* implementation = ChooseImplementation(env);
  if (implementation == nullptr) return exports;  // an exception is pending: require() throws it

  env.SetInstanceData(new AddonData{implementation, {}, nullptr});
  exports.Set("byteDotProducts", Napi::Function::New<ByteDotProducts>(env, "byteDotProducts"));
  exports.Set("canStartThreads", Napi::Function::New<CanStartThreads>(env, "canStartThreads"));
  exports.Set("endWithParent", Napi::Function::New<EndWithParent>(env, "endWithParent"));
  exports.Set("holdThreadEnd", Napi::Function::New<HoldThreadEnd>(env, "holdThreadEnd"));
  exports.Set("kernelImplementation", Napi::Function::New<KernelImplementation>(env, "kernelImplementation"));
  exports.Set("kernelImplementations", Napi::Function::New<KernelImplementations>(env, "kernelImplementations"));
  exports.Set("normalize", Napi::Function::New<Normalize>(env, "normalize"));
  exports.Set("releaseThreadEnd", Napi::Function::New<ReleaseThreadEnd>(env, "releaseThreadEnd"));
  exports.Set("resize", Napi::Function::New<ResizeBytes>(env, "resize"));
  exports.Set("resizeNormalize", Napi::Function::New<ResizeNormalize>(env, "resizeNormalize"));
  return exports;
}

}  // namespace
}  // namespace semantic_vision

static Napi::Object InitAddon(Napi::Env env, Napi::Object exports) { return semantic_vision::Init(env, exports); }

NODE_API_MODULE(semantic_vision, InitAddon)
