// Reads SEMANTIC_VISION_KERNEL and tells JavaScript what was chosen.
#include "choose_implementation.h"

#include "addon.h"

namespace semantic_vision {
namespace {

constexpr char kVariable[] = "SEMANTIC_VISION_KERNEL";

// Through process.env rather than getenv(): Node guards it against other threads that set variables, and a worker
// started with its own `env` is heard.
std::string ForcedName(Napi::Env env) {
  const Napi::Value process = env.Global().Get("process");
  if (!process.IsObject()) return "";
  const Napi::Value variables = process.As<Napi::Object>().Get("env");
  if (!variables.IsObject()) return "";
  const Napi::Value value = variables.As<Napi::Object>().Get(kVariable);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
}

}  // namespace

const Implementation* ChooseImplementation(Napi::Env env) {
  const std::string name = ForcedName(env);
  if (env.IsExceptionPending()) return nullptr;
  if (name.empty()) return SupportedImplementations().front();

  const Implementation* implementation = FindImplementation(name);
  if (implementation == nullptr) {
    Napi::Error error = Napi::Error::New(env, std::string("Expected one of ") + SupportedNames() +
                                                  " (what this CPU can run) for environment variable " + kVariable +
                                                  " but received \"" + name.substr(0, 60) +
                                                  "\". Unset it to let the CPU decide.");
    error.Set("code", Napi::String::New(env, "INVALID_OPTION"));
    error.ThrowAsJavaScriptException();
  }
  return implementation;
}

// TypeScript: kernelImplementation(): string
// C++:        Napi::Value KernelImplementation(const Napi::CallbackInfo&)
// The implementation that runs when a call names none.
Napi::Value KernelImplementation(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), info.Env().GetInstanceData<AddonData>()->implementation->name);
}

// TypeScript: kernelImplementations(): string[]
// C++:        Napi::Value KernelImplementations(const Napi::CallbackInfo&)
// Those this CPU can run, best first.
Napi::Value KernelImplementations(const Napi::CallbackInfo& info) {
  const std::vector<const Implementation*>& supported = SupportedImplementations();
  Napi::Array names = Napi::Array::New(info.Env(), supported.size());
  for (size_t i = 0; i < supported.size(); ++i) {
    names.Set(static_cast<uint32_t>(i), Napi::String::New(info.Env(), supported[i]->name));
  }
  return names;
}

}  // namespace semantic_vision
