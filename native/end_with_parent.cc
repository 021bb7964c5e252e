// Ends a child process as soon as its parent is gone, also while JavaScript waits in native code and cannot look.
#ifndef _WIN32
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#endif

#include "addon.h"

namespace semantic_vision {

#ifndef _WIN32
namespace {

// The parent holds the other end of standard input and never writes to it: a read ends when the parent does. Nothing that
// the process could still do is wanted then, so no destructors and no handlers run.
void* WaitForEndOfInput(void*) {
  char ignored;
  ssize_t count;
  do {
    count = read(STDIN_FILENO, &ignored, 1);
  } while (count > 0 || (count < 0 && errno == EINTR));
  _exit(0);
}

}  // namespace
#endif

// TypeScript: endWithParent(): void
// C++:        Napi::Value EndWithParent(const Napi::CallbackInfo&)
// Starts a thread that ends the process when its standard input ends. A JavaScript thread could do that too, for 6 MB and
// 20 ms. On Windows there is nothing to do: Node starts children in a job that ends with their parent.
Napi::Value EndWithParent(const Napi::CallbackInfo& info) {
#ifndef _WIN32
  pthread_t thread;
  if (pthread_create(&thread, nullptr, WaitForEndOfInput, nullptr) != 0) {
    Napi::Error::New(info.Env(), "No thread could be started to watch the parent process").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  pthread_detach(thread);
#endif
  return info.Env().Undefined();
}

}  // namespace semantic_vision
