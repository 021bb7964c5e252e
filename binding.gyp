{
  "targets": [
    {
      "target_name": "semantic_vision",
      "sources": [
        "native/addon.cc",
        "native/arguments.cc",
        "native/byte_dot_products.cc",
        "native/can_start_threads.cc",
        "native/choose_implementation.cc",
        "native/end_with_parent.cc",
        "native/normalize.cc",
        "native/resize_normalize.cc",
        "native/thread_end.cc",
        "native/kernels/axis.cc",
        "native/kernels/axis_cache.cc",
        "native/kernels/compose_avx2.cc",
        "native/kernels/compose_neon.cc",
        "native/kernels/compose_scalar.cc",
        "native/kernels/cpu.cc",
        "native/kernels/implementations.cc",
        "native/kernels/normalize_avx2.cc",
        "native/kernels/normalize_neon.cc",
        "native/kernels/normalize_scalar.cc",
        "native/kernels/resize.cc",
        "native/kernels/resize_avx2_horizontal.cc",
        "native/kernels/resize_avx2_settle.cc",
        "native/kernels/resize_avx2_vertical.cc",
        "native/kernels/resize_avx512_horizontal.cc",
        "native/kernels/resize_avx512_vertical.cc",
        "native/kernels/resize_neon.cc",
        "native/kernels/resize_scalar.cc",
        "native/kernels/upright_rows.cc",
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      # An exception that the thread can no longer take, because it is being ended, is dropped: the default is to abort.
      "defines": [
        "NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
      ],
      # Warnings are errors in scripts/sanitize.sh, not here: a compiler newer than ours must not break an install.
      # -ffp-contract=off: a fused multiply-add would make results differ from one CPU to the next.
      "cflags_cc": [
        "-std=c++17", "-O3", "-fno-exceptions", "-ffp-contract=off", "-fvisibility=hidden", "-Wall", "-Wextra",
      ],
      "xcode_settings": {
        "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
        "GCC_ENABLE_CPP_EXCEPTIONS": "NO",
        "GCC_OPTIMIZATION_LEVEL": "3",
        "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
        "MACOSX_DEPLOYMENT_TARGET": "11.0",
        "OTHER_CPLUSPLUSFLAGS": ["-ffp-contract=off", "-Wall", "-Wextra"],
      },
      "msvs_settings": {
        "VCCLCompilerTool": {
          "AdditionalOptions": ["/std:c++17", "/fp:precise", "/W3"],
          "Optimization": 2,
        },
      },
    }
  ]
}
